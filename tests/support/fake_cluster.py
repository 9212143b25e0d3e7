#!/usr/bin/env python3
"""A fake Kubernetes cluster, for the test of test.sh. Its objects are those of k8s/, and its pods are
real processes of the two programs. They share two SQLite files, on one node, or, with
FAKE_DATABASE=postgresql, two databases of a PostgreSQL server, on three nodes.

It runs until SIGTERM, in the directory FAKE_CLUSTER. When all pods are ready, the file "port" is there.
fake_kubectl.sh is its kubectl. "kubectl left" prints what test.sh should have removed.

Environment: BIN_DIR has the programs. FAULT has words for the faults of this cluster; search for a
word to see its effect.
"""

import argparse
import base64
import contextlib
import copy
import io
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.manifests import ROOT, Repository  # noqa: E402
from support.network import Party  # noqa: E402
from support.pod_security import broken_rules  # noqa: E402

CLUSTER = pathlib.Path(os.environ["FAKE_CLUSTER"])
ON_POSTGRESQL = os.environ.get("FAKE_DATABASE") == "postgresql"
NODES = ["node-0", "node-1", "node-2"] if ON_POSTGRESQL else ["node"]
FAULTS = set(os.environ.get("FAULT", "").split())
TOKEN = "a-token-that-nobody-guesses"
OUTSIDE = None  # a caller that is no pod

objects = {}  # by kind, namespace (None for objects without one) and name
processes = {}  # of the pods, by namespace and name
forwards = set()  # the clients of port-forward
postgres = []  # the process of the server, if there is one
looks = itertools.count(1)


# --- Objects ---


def put(o):
    objects[o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]] = o


def listed(kind, namespace=None, labels=None):
    return [
        o
        for (o_kind, o_namespace, _), o in list(objects.items())
        if o_kind == kind
        and namespace in (None, o_namespace)
        and (labels or {}).items() <= o["metadata"].get("labels", {}).items()
    ]


def key_of(pod):
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


# --- Pods ---


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("fake_cluster.py: a condition did not become true in time")
        time.sleep(0.02)


def folder_of(pod):
    return CLUSTER.joinpath("pods", *key_of(pod))


def port_of(pod, container_port):
    """The port of this machine for a port of the pod; None while it isn't open."""
    (name,) = [
        port["name"]
        for port in pod["spec"]["containers"][0]["ports"]
        if container_port in (port["containerPort"], port["name"])
    ]
    try:
        lines = (folder_of(pod) / "ports").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    ports = dict(line.split("=") for line in lines)
    return int(ports[{"http": "PORT", "admin": "ADMIN_PORT"}[name]])


def is_ready(pod):
    port = port_of(pod, "admin")
    try:
        with socket.create_connection(("127.0.0.1", port or 1), timeout=5) as probe:
            probe.sendall(b"GET /readyz HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")
            return b" 200 " in probe.recv(100)
    except OSError:
        return False


def data_folder(pod):
    """The folder of the volume: shared by all pods of the claim, or the pod's own."""
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == "data"]
    folder = folder_of(pod)
    last_replica = pod["metadata"]["name"].endswith("-2")
    if "persistentVolumeClaim" in volume and not ("replica" in FAULTS and last_replica):
        folder = CLUSTER / volume["persistentVolumeClaim"]["claimName"]
    folder.mkdir(exist_ok=True)
    return folder


def environment_of(pod):
    """What its manifest says, with paths, ports and the provider of this machine."""
    container, namespace = pod["spec"]["containers"][0], pod["metadata"]["namespace"]
    environment = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        environment |= objects["ConfigMap", namespace, name]["data"]
    environment |= {variable["name"]: variable["value"] for variable in container["env"]}
    environment |= {"PORT": "0", "ADMIN_PORT": "0", "PORT_FILE": str(folder_of(pod) / "ports")}
    if "DATABASE_URL_FILE" in environment:
        environment["DATABASE_URL_FILE"] = str(CLUSTER / f"{namespace}-url")
    else:
        database = environment["DATABASE_URL"].rsplit("/", 1)[1]
        environment["DATABASE_URL"] = f"sqlite:{data_folder(pod)}/{database}"
    if "PROVIDER_TOKEN_FILE" in environment:
        environment["PROVIDER_TOKEN_FILE"] = str(CLUSTER / "token")
        if "no-token-demanded" in FAULTS and container["image"].startswith("payment-provider:"):
            del environment["PROVIDER_TOKEN_FILE"]
    if "PAYMENT_PROVIDER_URL" in environment:
        url = urllib.parse.urlsplit(environment["PAYMENT_PROVIDER_URL"])
        service, namespace = url.hostname.split(".")[:2]
        port = start_route(key_of(pod), namespace, service, url.port)
        environment["PAYMENT_PROVIDER_URL"] = f"http://127.0.0.1:{port}{url.path}"
    return environment


def start_pod(pod):
    put(pod)
    folder_of(pod).mkdir(parents=True)
    container = pod["spec"]["containers"][0]
    program = os.path.join(os.environ["BIN_DIR"], container["image"].split(":")[0])
    with open(folder_of(pod) / "log", "wb") as log:
        processes[key_of(pod)] = subprocess.Popen(
            [program, *container.get("args", [])],
            env=environment_of(pod),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    pod["status"] = {"phase": "Running"}


def start_replicas(deployment, generation):
    name = deployment["metadata"]["name"]
    for replica in range(deployment["spec"]["replicas"]):
        pod = copy.deepcopy(deployment["spec"]["template"]) | {"kind": "Pod"}
        pod["metadata"] |= {
            "name": f"{name}-{generation}-{replica}",
            "namespace": deployment["metadata"]["namespace"],
        }
        pod["spec"]["nodeName"] = NODES[replica % len(NODES)]
        start_pod(pod)


def delete_pod(pod):
    # Another process may get its ports, and must not be taken for it.
    (folder_of(pod) / "ports").unlink(missing_ok=True)
    process = processes.pop(key_of(pod))
    process.kill()
    process.wait()
    del objects["Pod", *key_of(pod)]


# --- The network ---


def policies_admit(caller, pods, port):
    """Whether the policies let the caller (the key of a pod, or OUTSIDE) call the pods."""
    source = Party("203.0.113.1")
    if caller is not OUTSIDE:
        labels = objects["Pod", *caller]["metadata"]["labels"]
        source = Party("10.0.0.1", caller[0], labels)
    if "policies-ignored" in FAULTS:
        return True
    policies = listed("NetworkPolicy")
    if "policy-open" in FAULTS:
        policies = [p for p in policies if p["metadata"]["namespace"] != "payments"]
    called = [Party("10.0.0.2", p["metadata"]["namespace"], p["metadata"]["labels"]) for p in pods]
    return all(
        source.lets(policies, "egress", party, "TCP", port)
        and party.lets(policies, "ingress", source, "TCP", port)
        for party in called
    )


def pods_behind(namespace, service):
    found = objects.get(("Service", namespace, service))
    return listed("Pod", namespace, found["spec"]["selector"]) if found else []


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            end.close()


def join(client, pod, container_port):
    """Connects a caller with a pod; False if that is not possible."""
    try:
        port = port_of(pod, container_port) or 1
        server = socket.create_connection(("127.0.0.1", port), timeout=5)
        server.settimeout(None)
    except OSError:
        client.close()
        return False
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for ends in ((client, server), (server, client)):
        threading.Thread(target=pump, args=ends, daemon=True).start()
    return True


def listen(port=0):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def reserved_port():
    """A socket that keeps its port for a listener."""
    reservation = socket.socket()
    reservation.bind(("127.0.0.1", 0))
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # lets the listener have it
    return reservation


def start_route(caller, namespace, service, port):
    """Forwards a port of this machine, which it returns, to a Service, for one caller."""
    reservation = reserved_port()
    arguments = (reservation, caller, namespace, service, port)
    threading.Thread(target=route, args=arguments, daemon=True).start()
    return reservation.getsockname()[1]


def route(reservation, caller, namespace, service, port):
    """Refuses connections, by not listening, while the policies forbid them. Ends with the caller."""
    listener = None
    with contextlib.suppress(KeyError), reservation:
        while True:
            pods = pods_behind(namespace, service)
            admitted = policies_admit(caller, pods, port)
            if listener and not admitted:
                listener.close()
                listener = None
            if admitted and not listener:
                listener = listen(reservation.getsockname()[1])
            if not listener:
                time.sleep(0.3)
            elif select.select([listener], [], [], 0.3)[0]:
                client = listener.accept()[0]
                if not pods or not join(client, pods[0], port):
                    client.close()


def port_forward(client, args):
    """Ends with the client, which is kubectl, or if the pod has ended."""
    kind, name = args.words[1].split("/")
    port = int(args.words[2].lstrip(":"))
    if kind == "service":
        pods = [p for p in pods_behind(args.namespace, name) if is_ready(p)]
    else:
        pods = [p for p in listed("Pod", args.namespace) if p["metadata"]["name"] == name]
    with client:
        if not pods:
            client.sendall(f"error: no pod for {args.words[1]}\n".encode())
            return
        forwards.add(client)
        with listen() as listener:
            local = listener.getsockname()[1]
            client.sendall(f"Forwarding from 127.0.0.1:{local} -> {port}\n".encode())
            while client not in select.select([client, listener], [], [])[0]:
                if not join(listener.accept()[0], pods[0], port):
                    break
        forwards.remove(client)


# --- The calls of kubectl ---


def shown(o):
    """The object as the API server shows it."""
    o = copy.deepcopy(o)
    name = o["metadata"]["name"]
    if o["kind"] == "Pod":
        show_status(o, name.startswith("invoice-app-"), name.endswith("-0-0"))
    if o["kind"] == "Job":
        status = processes[key_of(o)].poll()
        if status is not None:
            o["status"] = {"conditions": [{"type": "Failed" if status else "Complete"}]}
            o["status"]["succeeded"] = int(status == 0)
    if (o["kind"], name) == ("Service", "payment-provider") and "node-port" in FAULTS:
        o["spec"] |= {"type": "NodePort", "ports": [{"port": 8082, "nodePort": 30082}]}
    if o["kind"] == "Node" and "no-way-to-node" in FAULTS:
        o["status"]["addresses"] = []
    return o


def show_status(pod, of_invoice_app, first):
    """`first`: of the pods that were there before test.sh deleted any."""
    if "unspread" in FAULTS and of_invoice_app:
        pod["spec"]["nodeName"] = NODES[0]
    ready = is_ready(pod) and not ("unready" in FAULTS and first and of_invoice_app)
    restarts, exit_code = 0, 255  # of what a restart of the node has stopped
    if first and "crashed" in FAULTS and not of_invoice_app:
        restarts, exit_code = 1, 139
    if first and "restarts" in FAULTS and of_invoice_app:  # before the first look, and between any two
        restarts = next(looks)
    pod["status"]["conditions"] = [{"type": "Ready", "status": "True" if ready else "False"}]
    last = {"terminated": {"reason": "Error", "exitCode": exit_code}} if restarts else {}
    pod["status"]["containerStatuses"] = [{"restartCount": restarts, "state": {}, "lastState": last}]


def labels_of(args):
    return dict(pair.split("=") for pair in args.labels.split(",")) if args.labels else {}


def get(args):
    if args.raw:  # whether invoice-app is deployed, which it is
        print("{}")
        return
    kinds = {kind for kind, _, _ in objects}
    wanted = [kind for kind in kinds if args.words[1] in (kind.lower(), kind.lower() + "s")]
    found = [o for kind in wanted for o in listed(kind, args.namespace, labels_of(args))]
    if len(args.words) > 2:
        found = [o for o in found if o["metadata"]["name"] == args.words[2]]
        if not found and not args.ignore_not_found:
            sys.exit(f'Error from server (NotFound): {args.words[1]} "{args.words[2]}" not found')
    if args.output == "name":
        for o in found:
            print(f"{o['kind'].lower()}/{o['metadata']['name']}")
    elif len(args.words) > 2:
        print(json.dumps(shown(found[0])))
    else:
        print(json.dumps({"kind": "List", "items": [shown(o) for o in found]}))


def create(args, text):
    if args.words[1:2] == ["job"]:
        start_job(args.words[2], args.namespace, args.source.split("/")[1])
        return
    document = json.loads(text)
    for o in document["items"] if document["kind"] == "List" else [document]:
        if o["kind"] != "Namespace":
            o["metadata"]["namespace"] = args.namespace
        put(o)
        if o["kind"] == "Namespace":
            account = {"name": "default", "namespace": o["metadata"]["name"]}
            put({"kind": "ServiceAccount", "metadata": account})
        if o["kind"] == "Pod":
            namespace = objects["Namespace", None, args.namespace]
            mode = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            if mode != "restricted" or broken_rules(o["spec"]):
                sys.exit("Error from server (Forbidden): violates PodSecurity")
            start_pod(o)


def start_job(name, namespace, cronjob):
    """Runs the pod of a CronJob once."""
    template = objects["CronJob", namespace, cronjob]["spec"]["jobTemplate"]["spec"]["template"]
    pod = copy.deepcopy(template) | {"kind": "Pod"}
    pod["metadata"] |= {"name": name, "namespace": namespace}
    pod["metadata"]["labels"]["job-name"] = name
    start_pod(pod)
    put({"kind": "Job", "metadata": {"name": name, "namespace": namespace}})


def delete(args):
    kind = args.words[1]
    if kind == "pods":
        delete_pods(args)
        return
    name = args.words[2]
    if kind == "job":
        delete_pod(objects["Pod", args.namespace, name])
        del objects["Job", args.namespace, name]
        return
    for pod in listed("Pod", name):
        delete_pod(pod)
    for key in [key for key in objects if key[1] == name] + [("Namespace", None, name)]:
        objects.pop(key, None)


def delete_pods(args):
    """Deletes the pods of a Deployment, which get new ones."""
    pods = listed("Pod", args.namespace, labels_of(args))
    for pod in pods:
        delete_pod(pod)
    if args.namespace == "invoicing" or args.grace_period:
        lose_data()
    generation = int(pods[0]["metadata"]["name"].split("-")[-2]) + 1
    name = labels_of(args)["app.kubernetes.io/name"]
    start_replicas(objects["Deployment", args.namespace, name], generation)


def lose_data():
    """As must not happen when pods die."""
    for fault, file, statement in (
        ("loses-invoice", "invoice-app-data/invoices.db", "DELETE FROM invoices WHERE id = 'I1'"),
        ("loses-payment", "payment-provider-data/payments.db",
         "DELETE FROM payments WHERE invoice_id = 'I2'"),
    ):  # fmt: skip
        if fault in FAULTS:
            with sqlite3.connect(CLUSTER / file, timeout=30) as database:
                database.execute(statement)


def logs(args):
    for pod in listed("Pod", args.namespace, labels_of(args)):
        lines = (folder_of(pod) / "log").read_text(encoding="utf-8").splitlines()
        print(*lines[-int(args.tail) :], sep="\n")


def can_i(args):
    verb, resource = args.words[2:4]
    resource, _, group = resource.partition(".")
    if args.subresource:
        resource += "/" + args.subresource
    roles = [
        objects["Role", args.namespace, binding["roleRef"]["name"]]
        for binding in listed("RoleBinding", args.namespace)
        if args.as_group in [subject["name"] for subject in binding["subjects"]]
    ]
    allowed = any(
        group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
        for role in roles
        for rule in role["rules"]
    )
    asked = (args.as_group, verb, resource, args.namespace)
    if "rights-too-wide" in FAULTS and asked == ("team-invoicing", "delete", "pods", "payments"):
        allowed = True
    print("yes" if allowed else "no")
    sys.exit(0 if allowed else 1)


def left(_):
    names = [name for kind, _, name in objects if kind in ("Job", "Namespace")]
    names += ["port-forward"] * len(forwards)
    print(*[name for name in names if name not in ("invoicing", "payments")])


def parser():
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("words", nargs="+")
    options.add_argument("--ignore-not-found", action="store_true")
    options.add_argument("--from", dest="source")
    for short, name in (("-n", "namespace"), ("-l", "labels"), ("-o", "output"), ("-f", "file")):
        options.add_argument(short, dest=name)
    for name in ("address", "as", "as-group", "context", "grace-period", "raw", "request-timeout",
                 "subresource", "tail", "wait"):  # fmt: skip
        options.add_argument("--" + name)
    return options


def kubectl(args, text):
    if not args.request_timeout:
        sys.exit("error: a call without a time limit")
    verb = args.words[0]
    if verb == "create":
        create(args, text)
        return
    verbs = {"auth": can_i, "delete": delete, "get": get, "left": left, "logs": logs}
    verbs["config"] = lambda _: print("fake")
    verbs[verb](args)


def answer(client):
    """Runs one call of fake_kubectl.sh. Starting a Python for each call would take too long."""
    stream = client.makefile("rwb")

    def line():
        return stream.readline().decode().rstrip("\n")

    arguments = [line() for _ in range(int(line()))]
    text = stream.read(int(line())).decode()
    out, result = io.StringIO(), 0
    try:
        args = parser().parse_intermixed_args(arguments)
        if args.words[0] == "port-forward":
            threading.Thread(target=port_forward, args=(client, args), daemon=True).start()
            return
        with contextlib.redirect_stdout(out):
            kubectl(args, text)
    except SystemExit as end:
        result = end.code
    status, error = (result, "") if isinstance(result, int) else (1, result)
    stream.write(f"{status}\n{error}\n{out.getvalue()}".encode())
    stream.close()
    client.close()


# --- Start ---


def start_postgres():
    """A server with a database for each namespace."""
    reservation = reserved_port()  # until the server listens
    port = reservation.getsockname()[1]
    databases = ["--database", "invoicing", "--database", "payments"]
    command = [ROOT / "scripts/postgres.sh", *databases, CLUSTER / "postgres", f"port={port}"]
    with open(CLUSTER / "postgres.log", "wb") as log:
        postgres.append(subprocess.Popen(command, stdout=log, stderr=log))
    for namespace in ("invoicing", "payments"):
        url = f"postgresql://postgres@127.0.0.1:{port}/{namespace}"
        (CLUSTER / f"{namespace}-url").write_text(url, encoding="utf-8")
    state = CLUSTER / "postgres/data/postmaster.pid"
    wait_for(lambda: state.exists() and state.read_text(encoding="utf-8").rstrip().endswith("ready"))
    reservation.close()


def fill():
    """Creates the objects that deploy.sh would create."""
    (CLUSTER / "token").write_text(TOKEN, encoding="utf-8")
    repository = Repository()
    services = repository.on_postgresql if ON_POSTGRESQL else repository.services
    for o in repository.documents("k8s/00-namespaces.yaml"):
        put(o)
    for o in [o for service in services for o in service.objects]:
        put(o)
    for namespace in ("invoicing", "payments"):
        if not ("no-secret" in FAULTS and namespace == "payments"):
            meta = {"name": "provider-token", "namespace": namespace}
            data = {"token": base64.b64encode(TOKEN.encode()).decode()}
            put({"kind": "Secret", "metadata": meta, "data": data})
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    for node in NODES:
        put({"kind": "Node", "metadata": {"name": node}, "status": {"addresses": addresses}})
    service = objects["Service", "invoicing", "invoice-app"]
    node_port = start_route(OUTSIDE, "invoicing", "invoice-app", 8081)
    service["spec"]["ports"][0]["nodePort"] = node_port
    for deployment in listed("Deployment"):
        start_replicas(deployment, 0)
    wait_for(lambda: all(is_ready(pod) for pod in listed("Pod")))


def serve():
    if ON_POSTGRESQL:
        start_postgres()
    fill()
    listener = listen()
    (CLUSTER / "port").write_text(str(listener.getsockname()[1]), encoding="utf-8")
    while True:
        answer(listener.accept()[0])


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            serve()
    finally:
        for process in processes.values():
            process.kill()
        for server in postgres:
            server.send_signal(signal.SIGINT)  # ends its connections
        for process in [*processes.values(), *postgres]:
            process.wait()


if __name__ == "__main__":
    main()
