#!/usr/bin/env bash
# Makes the root file system of an image that contains one program. For the Dockerfiles.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/image-root.sh PROGRAM DIRECTORY

Fills DIRECTORY with PROGRAM (in /usr/local/bin, without debugging information), the shared libraries
that it loads, CA certificates, the user 65532, and the settings for looking up names. It gets no shell
and no package manager. Runs on Debian.
END
}

[[ $# -eq 2 && $1 != -* ]] || { usage >&2; exit 2; }
program=$1
root=$2

install -D --strip -m 0755 "$program" "$root/usr/local/bin/$(basename "$program")"

# The loader finds its libraries in these folders without a cache.
libraries=$(ldd "$program" | grep -o '/[^ ]*')
for library in $libraries; do
  install -D -m 0755 "$library" "$root$library"
done

# Licences and packages of these libraries. Scanners for vulnerabilities read them, too.
for library in $libraries; do
  package=$(dpkg-query --search "$(realpath "$library")" | cut -d: -f1)
  install -D -m 0644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
  mkdir -p "$root/var/lib/dpkg/status.d"
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
done

install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
# OpenSSL looks for them here: sslrootcert=system in the URL of a database.
mkdir -p "$root/usr/lib/ssl"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
echo 'nonroot:x:65532:65532:nonroot:/data:/nonexistent' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
