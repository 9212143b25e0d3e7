# shellcheck shell=bash disable=SC2154 # $work and others
# A PostgreSQL server that accepts only TLS, in the container "$run-database" of the image
# "database:$run". Its name in the network "$run" is "database". Its certificate is for this name and
# is its own authority. Needs tests/support/engine.sh and $run.

# start_tls_database FILE: FILE gets the certificate.
start_tls_database() {
  local deadline
  build_image "database:$run" - <<END
FROM $base
COPY packages.txt ./
COPY scripts/install-packages.sh scripts/
RUN scripts/install-packages.sh postgresql && ln -s /usr/lib/postgresql/*/bin /programs
USER postgres
WORKDIR /var/lib/postgresql
RUN /programs/initdb data --encoding UTF8 \\
 && printf 'CREATE DATABASE %s\\n' invoices payments \\
      | /programs/postgres --single -D data template1 \\
 && echo 'hostssl all all all trust' >data/pg_hba.conf \\
 && openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=database \\
      -addext subjectAltName=DNS:database -keyout data/server.key -out data/server.crt
CMD ["/programs/postgres", "-D", "data", "-c", "listen_addresses=*", "-c", "ssl=on"]
END
  "$docker" run --detach --name "$run-database" --network "$run" --network-alias database \
    "database:$run" >/dev/null
  deadline=$((SECONDS + 60))
  until "$docker" exec "$run-database" /programs/pg_isready --quiet --host database; do
    [[ $SECONDS -lt $deadline ]] || fail "PostgreSQL was not ready after 60 s"
    sleep 0.2
  done
  "$docker" cp "$run-database:/var/lib/postgresql/data/server.crt" "$1"
  chmod 644 "$1"
}
