#!/usr/bin/env python3
"""A fake Kubernetes cluster, for the test of test.sh. Its pods are those of k8s/, as real processes of
the two programs. They share two SQLite files, on one node, or, with FAKE_DATABASE=postgresql, two databases
of a PostgreSQL server, on three nodes.

    fake_cluster.py up     starts it, in the directory FAKE_CLUSTER
    fake_cluster.py down   ends it

fake_kubectl.sh is its kubectl.

Environment: BIN_DIR has the programs. FAULT has words for the faults of this cluster; search for a
word to see its effect.
"""

import base64
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True

CLUSTER = pathlib.Path(os.environ["FAKE_CLUSTER"])
ON_POSTGRESQL = os.environ.get("FAKE_DATABASE") == "postgresql"
NODES = ["node-0", "node-1", "node-2"] if ON_POSTGRESQL else ["node"]
OBJECTS = CLUSTER / "objects"  # NAMESPACE/KIND/NAME.json; "-" for objects without a namespace
FAULTS = set(os.environ.get("FAULT", "").split())
TOKEN = "a-token-that-nobody-guesses"
CLUSTER_SCOPED = {"Namespace", "Node", "CustomResourceDefinition"}
KINDS = {
    "configmap": "ConfigMap",
    "cronjob": "CronJob",
    "customresourcedefinition": "CustomResourceDefinition",
    "deployment": "Deployment",
    "ingress": "Ingress",
    "job": "Job",
    "namespace": "Namespace",
    "node": "Node",
    "pod": "Pod",
    "secret": "Secret",
    "service": "Service",
    "serviceaccount": "ServiceAccount",
}


# --- Objects ---


def path_of(kind, namespace, name):
    return OBJECTS / ("-" if kind in CLUSTER_SCOPED else namespace) / kind / f"{name}.json"


def put(o):
    meta = o["metadata"]
    path = path_of(o["kind"], meta.get("namespace"), meta["name"])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(o), encoding="utf-8")
    partial.rename(path)


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def listed(kind, namespace="*", labels=None):
    found = []
    folder = "-" if kind in CLUSTER_SCOPED else namespace
    for path in sorted(OBJECTS.glob(f"{folder}/{kind}/*.json")):
        try:
            o = load(path)
        except FileNotFoundError:  # deleted meanwhile
            continue
        has = o["metadata"].get("labels", {})
        if all(has.get(key) == value for key, value in (labels or {}).items()):
            found.append(o)
    return found


# --- Processes ---


def birth(pid):
    """When a process began. Distinguishes it from a later one with the same number."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[19])


def spawn(arguments, log, **options):
    """Starts a process; returns its number and birth."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        **options,
    )
    started = process.pid, birth(process.pid)
    with open(CLUSTER / "processes", "a", encoding="utf-8") as processes:
        processes.write(json.dumps(started) + "\n")
    return started


def kill(process):
    pid, born = process
    if born is not None and birth(pid) == born:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def folder_of(pod):
    return CLUSTER / "pods" / pod["metadata"]["namespace"] / pod["metadata"]["name"]


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


def environment_of(pod):
    container = pod["spec"]["containers"][0]
    environment = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        environment |= load(path_of("ConfigMap", pod["metadata"]["namespace"], name))["data"]
    environment |= {variable["name"]: variable["value"] for variable in container["env"]}
    return environment


def data_folder(pod):
    """The folder of the volume: shared by all pods of the claim, or the pod's own."""
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == "data"]
    folder = folder_of(pod)
    last_replica = pod["metadata"]["name"].endswith("-2")
    if "persistentVolumeClaim" in volume and not ("replica" in FAULTS and last_replica):
        folder = CLUSTER / volume["persistentVolumeClaim"]["claimName"]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def start_route(source, namespace, service, port):
    """Starts a process that forwards a port of this machine to a Service, for one caller."""
    log = CLUSTER / f"route-{time.monotonic_ns()}.log"
    with open(log, "wb") as out:
        process = spawn([sys.executable, __file__, "route", source, namespace, service, port], out)
    return process, int(wait_for(lambda: log.read_text(encoding="utf-8").strip()))


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not (value := condition()):
        if time.monotonic() > deadline:
            sys.exit("fake_cluster.py: a condition did not become true in time")
        time.sleep(0.02)
    return value


def start_pod(pod, wrapper=()):
    folder = folder_of(pod)
    folder.mkdir(parents=True)
    environment = environment_of(pod)
    processes = []
    environment |= {"PORT": "0", "ADMIN_PORT": "0", "FAKE_CLUSTER": str(CLUSTER)}
    environment["PORT_FILE"] = str(folder / "ports")
    if "DATABASE_URL_FILE" in environment:
        environment["DATABASE_URL_FILE"] = str(CLUSTER / f"{pod['metadata']['namespace']}-url")
    else:
        database = environment["DATABASE_URL"].rsplit("/", 1)[1]
        environment["DATABASE_URL"] = f"sqlite:{data_folder(pod)}/{database}"
    container = pod["spec"]["containers"][0]
    program = container["image"].split(":")[0]
    if "PROVIDER_TOKEN_FILE" in environment:
        environment["PROVIDER_TOKEN_FILE"] = str(CLUSTER / "token")
        if "no-token-demanded" in FAULTS and program == "payment-provider":
            del environment["PROVIDER_TOKEN_FILE"]
    if "PAYMENT_PROVIDER_URL" in environment:
        source = "{namespace}/{name}".format(**pod["metadata"])
        url = urllib.parse.urlsplit(environment["PAYMENT_PROVIDER_URL"])
        service, namespace = url.hostname.split(".")[:2]
        process, local_port = start_route(source, namespace, service, str(url.port))
        environment["PAYMENT_PROVIDER_URL"] = f"http://127.0.0.1:{local_port}{url.path}"
        processes.append(process)
    command = [*wrapper, os.path.join(os.environ["BIN_DIR"], program), *container.get("args", [])]
    with open(folder / "log", "wb") as log:
        processes.append(spawn(command, log, env=environment))
    pod["status"] = {"phase": "Running", "processes": processes}
    put(pod)


def start_job(args):
    """Runs the pod of a CronJob once. The exit status goes to a file."""
    name, namespace = args.words[2], args.namespace
    cronjob = load(path_of("CronJob", namespace, args.options["from"].split("/")[1]))
    pod = cronjob["spec"]["jobTemplate"]["spec"]["template"] | {"kind": "Pod"}
    pod["metadata"] |= {"name": name, "namespace": namespace}
    pod["metadata"]["labels"]["job-name"] = name
    put({"kind": "Job", "metadata": {"name": name, "namespace": namespace}})
    start_pod(pod, [sys.executable, __file__, "job", str(folder_of(pod) / "exit-status")])


def job(status_file, *command):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # which serve() ignores
    status = subprocess.run(command, check=False).returncode
    pathlib.Path(status_file).write_text(f"{status}\n", encoding="utf-8")


def job_status(o):
    pod = load(path_of("Pod", o["metadata"]["namespace"], o["metadata"]["name"]))
    try:
        status = (folder_of(pod) / "exit-status").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return {}
    condition = {"": [], "0": [{"type": "Complete"}]}.get(status, [{"type": "Failed"}])
    return {"conditions": condition, "succeeded": int(status == "0")}


def start_replicas(deployment):
    meta, spec = deployment["metadata"], deployment["spec"]
    generation = time.monotonic_ns()
    for replica in range(spec["replicas"]):
        template = json.loads(json.dumps(spec["template"]))
        template["kind"] = "Pod"
        template["metadata"] |= {
            "name": f"{meta['name']}-{generation}-{replica}",
            "namespace": meta["namespace"],
        }
        template["spec"]["nodeName"] = NODES[replica % len(NODES)]
        start_pod(template)


def delete_pod(pod):
    # Another process may get its ports, and must not be taken for it.
    (folder_of(pod) / "ports").unlink(missing_ok=True)
    for process in pod["status"]["processes"]:
        kill(process)
    path_of("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"]).unlink()


# --- The network ---


def policies_admit(source, pods, port):
    """Whether the policies let the source (NAMESPACE/NAME of a pod, or "outside") call the pods."""
    from support.network import Party

    if "policies-ignored" in FAULTS:
        return True
    policies = listed("NetworkPolicy")
    if "policy-open" in FAULTS:
        policies = [p for p in policies if p["metadata"]["namespace"] != "payments"]
    caller = Party("203.0.113.1")
    if source != "outside":
        namespace, name = source.split("/")
        labels = load(path_of("Pod", namespace, name))["metadata"]["labels"]
        caller = Party("10.0.0.1", namespace, labels)
    called = [Party("10.0.0.2", p["metadata"]["namespace"], p["metadata"]["labels"]) for p in pods]
    return all(
        caller.lets(policies, "egress", party, "TCP", port)
        and party.lets(policies, "ingress", caller, "TCP", port)
        for party in called
    )


def pods_behind(namespace, service):
    path = path_of("Service", namespace, service)
    if not path.exists():
        return []
    return listed("Pod", namespace, load(path)["spec"]["selector"])


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


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def route(source, namespace, service, port):
    """Refuses connections, by not listening, while the policies forbid them."""
    reservation = socket.socket()  # of the port while nobody listens on it
    reservation.bind(("127.0.0.1", 0))
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # lets the listener have it
    local_port = reservation.getsockname()[1]
    listener = listen(local_port)
    print(local_port, flush=True)
    while True:
        pods = pods_behind(namespace, service)
        try:
            admitted = policies_admit(source, pods, int(port))
        except FileNotFoundError:  # the caller does not exist yet, or no longer
            admitted = False
        if admitted and listener is None:
            listener = listen(local_port)
        if not admitted and listener is not None:
            listener.close()
            listener = None
        accept_for(
            0.3, listener, lambda client: any(join(client, pod, int(port)) for pod in pods[:1])
        )


def accept_for(seconds, listener, use):
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if listener is None:
            time.sleep(left)
            return
        listener.settimeout(left)
        try:
            client = listener.accept()[0]
        except TimeoutError:
            return
        client.settimeout(None)
        if not use(client):
            client.close()


# --- The calls of kubectl ---


def with_status(pod):
    """The pod as the API server shows it."""
    first = pod["metadata"]["name"].endswith("-0") and (CLUSTER / "first-pods").exists()
    of_invoice_app = pod["metadata"]["name"].startswith("invoice-app-")
    ready = is_ready(pod) and not ("unready" in FAULTS and first and of_invoice_app)
    restarts, exit_code = 0, 255  # of what a restart of the node has stopped
    if first and "crashed" in FAULTS and not of_invoice_app:
        restarts, exit_code = 1, 139
    if first and "node-restarted" in FAULTS:
        restarts = 1
    if first and "restarts" in FAULTS and of_invoice_app:  # between any two looks
        restarts = len(list(CLUSTER.glob("look-*")))
        (CLUSTER / f"look-{restarts}").touch()
    pod["status"]["conditions"] = [{"type": "Ready", "status": "True" if ready else "False"}]
    last = {"terminated": {"reason": "Error", "exitCode": exit_code}} if restarts else {}
    pod["status"]["containerStatuses"] = [{"restartCount": restarts, "state": {}, "lastState": last}]
    return pod


def shown(o):
    if o["kind"] == "Pod":
        if "unspread" in FAULTS:
            o["spec"]["nodeName"] = NODES[0]
        return with_status(o)
    if o["kind"] == "Job":
        o["status"] = job_status(o)
    name = o["metadata"]["name"]
    if (o["kind"], name) == ("Service", "payment-provider") and "node-port" in FAULTS:
        o["spec"] |= {"type": "NodePort", "ports": [{"port": 8082, "nodePort": 30082}]}
    if o["kind"] == "Node" and "no-way-to-node" in FAULTS:
        o["status"]["addresses"] = []
    return o


def get(args):
    if args.raw:
        if not path_of("Deployment", "invoicing", "invoice-app").exists():
            sys.exit("Error from server (NotFound): there is no such resource")
        print("{}")
        return
    kind = next(KINDS[k] for k in KINDS if re.fullmatch(k + "(s|es)?", args.words[1]))
    labels = dict(pair.split("=") for pair in args.labels.split(",")) if args.labels else None
    objects = listed(kind, args.namespace or "*", labels)
    if len(args.words) > 2:
        objects = [o for o in objects if o["metadata"]["name"] == args.words[2]]
        if not objects and not args.ignore_not_found:
            sys.exit(f'Error from server (NotFound): {args.words[1]} "{args.words[2]}" not found')
    objects = [shown(o) for o in objects]
    if args.output == "name":
        for o in objects:
            print(f"{kind.lower()}/{o['metadata']['name']}")
    elif len(args.words) > 2:
        print(json.dumps(objects[0]))
    else:
        print(json.dumps({"kind": "List", "items": objects}))


def create(args):
    from support.pod_security import broken_rules

    if args.words[1:2] == ["job"]:
        start_job(args)
        return
    document = json.loads(args.input)
    for o in document["items"] if document["kind"] == "List" else [document]:
        if o["kind"] not in CLUSTER_SCOPED:
            o["metadata"]["namespace"] = args.namespace
        put(o)
        if o["kind"] == "Namespace":
            account = {"name": "default", "namespace": o["metadata"]["name"]}
            put({"kind": "ServiceAccount", "metadata": account})
        if o["kind"] == "Pod":
            namespace = load(path_of("Namespace", None, args.namespace))
            mode = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            if mode != "restricted" or broken_rules(o["spec"]):
                sys.exit("Error from server (Forbidden): violates PodSecurity")
            start_pod(o)


def spoil_data():
    """Loses data, as must not happen when pods die."""
    if "loses-invoice" in FAULTS:
        invoices = CLUSTER / "invoice-app-data" / "invoices.db"
        with sqlite3.connect(invoices, timeout=30) as database:
            database.execute("DELETE FROM invoices WHERE id = 'I1'")
    if "loses-payment" in FAULTS:
        payments = CLUSTER / "payment-provider-data" / "payments.db"
        with sqlite3.connect(payments, timeout=30) as database:
            database.execute("DELETE FROM payments WHERE invoice_id = 'I2'")


def delete(args):
    if args.words[1] == "namespace":
        for pod in listed("Pod", args.words[2]):
            delete_pod(pod)
        shutil.rmtree(OBJECTS / args.words[2], ignore_errors=True)
        path_of("Namespace", None, args.words[2]).unlink(missing_ok=True)
        return
    if args.words[1] == "job":
        delete_pod(load(path_of("Pod", args.namespace, args.words[2])))
        path_of("Job", args.namespace, args.words[2]).unlink()
        return
    label, name = args.labels.split("=")
    (CLUSTER / "first-pods").unlink(missing_ok=True)
    for pod in listed("Pod", args.namespace, {label: name}):
        delete_pod(pod)
    if FAULTS and (args.namespace == "invoicing" or args.grace_period):
        spoil_data()
    start_replicas(load(path_of("Deployment", args.namespace, name)))


def logs(args):
    label, name = args.labels.split("=")
    for pod in listed("Pod", args.namespace, {label: name}):
        lines = (folder_of(pod) / "log").read_text(encoding="utf-8").splitlines()
        print(*lines[-int(args.tail) :], sep="\n")


def show_context(_):
    print("fake")


def port_forward(*arguments):
    """In a process of its own. While it runs, the cluster's directory has a file for it."""
    args = Arguments(("port-forward", *arguments))
    kind, name = args.words[1].split("/")
    port = int(args.words[2].lstrip(":"))
    if kind == "service":
        pods = [p for p in pods_behind(args.namespace, name) if is_ready(p)]
    else:
        pods = [p for p in listed("Pod", args.namespace) if p["metadata"]["name"] == name]
    if not pods:
        sys.exit(f"error: no pod for {args.words[1]}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    running = CLUSTER / f"forward-{os.getpid()}"
    running.touch()
    try:
        listener = listen(0)
        print(f"Forwarding from 127.0.0.1:{listener.getsockname()[1]} -> {port}", flush=True)
        while join(listener.accept()[0], pods[0], port):
            pass
        sys.exit("error: lost connection to pod")
    finally:
        running.unlink()


def can_i(args):
    verb, resource = args.words[2:4]
    resource, _, group = resource.partition(".")
    if args.subresource:
        resource += "/" + args.subresource
    roles = [
        load(path_of("Role", args.namespace, binding["roleRef"]["name"]))
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


class Arguments:
    """kubectl's arguments: words, options with a value, and flags."""

    SHORT = {"-n": "namespace", "-l": "labels", "-o": "output", "-f": "file"}
    FLAGS = {"ignore-not-found"}

    def __init__(self, arguments, text=""):
        self.input = text
        self.words = []
        self.options = {}
        rest = list(arguments)
        while rest:
            argument = rest.pop(0)
            if not argument.startswith("-"):
                self.words.append(argument)
                continue
            option, equals, value = self.SHORT.get(argument, argument.lstrip("-")).partition("=")
            if option in self.FLAGS:
                value = True
            elif not equals:
                value = rest.pop(0)
            self.options[option.replace("-", "_")] = value

    def __getattr__(self, option):
        return self.options.get(option)


def kubectl(arguments, text=""):
    args = Arguments(arguments, text)
    if not args.request_timeout:
        sys.exit("error: a call without a time limit")
    verbs = {
        "auth": can_i,
        "config": show_context,
        "create": create,
        "delete": delete,
        "get": get,
        "logs": logs,
    }
    verbs[args.words[0]](args)


def answer(client):
    """Runs one call of fake_kubectl.sh. Starting a Python for each call would take too long."""
    stream = client.makefile("rwb")

    def line():
        return stream.readline().decode().rstrip("\n")

    os.environ["FAULT"] = line()
    FAULTS.clear()
    FAULTS.update(os.environ["FAULT"].split())
    arguments = [line() for _ in range(int(line()))]
    text = stream.read(int(line())).decode()
    out, result = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(out):
            kubectl(arguments, text)
    except SystemExit as end:
        result = end.code
    status, error = (result, "") if isinstance(result, int) else (1, result)
    stream.write(f"{status}\n{error}\n{out.getvalue()}".encode())
    stream.close()
    client.close()


def start_postgres():
    """A server with a database for each namespace."""
    from support.manifests import ROOT

    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    folder = CLUSTER / "postgres"
    databases = ["--database", "invoicing", "--database", "payments"]
    command = [str(ROOT / "scripts" / "postgres.sh"), *databases, str(folder), f"port={port}"]
    with open(CLUSTER / "postgres.log", "wb") as log:
        spawn(command, log)
    for namespace in ("invoicing", "payments"):
        url = f"postgresql://postgres@127.0.0.1:{port}/{namespace}"
        (CLUSTER / f"{namespace}-url").write_text(url, encoding="utf-8")
    wait_for(lambda: "".join(postmaster()[7:8]).strip() == "ready")


def postmaster():
    """What the server has written about itself: its process first, its state last."""
    try:
        return (CLUSTER / "postgres/data/postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def fill():
    """Creates the objects that deploy.sh would create."""
    from support.manifests import Repository

    (CLUSTER / "first-pods").touch()
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
    service = load(path_of("Service", "invoicing", "invoice-app"))
    _, node_port = start_route("outside", "invoicing", "invoice-app", "8081")
    service["spec"]["ports"][0]["nodePort"] = node_port
    put(service)
    for deployment in listed("Deployment"):
        start_replicas(deployment)
    wait_for(lambda: all(is_ready(pod) for pod in listed("Pod")))


def serve():
    if ON_POSTGRESQL:
        start_postgres()
    # No zombies of killed processes. Later than PostgreSQL, which would inherit this and fail.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    fill()
    listener = listen(0)
    (CLUSTER / "port").write_text(str(listener.getsockname()[1]), encoding="utf-8")
    while True:
        answer(listener.accept()[0])


def up():
    CLUSTER.mkdir(parents=True)
    (CLUSTER / "python").write_text(sys.executable, encoding="utf-8")
    with open(CLUSTER / "log", "wb") as log:
        spawn([sys.executable, __file__, "serve"], log)
    try:
        wait_for((CLUSTER / "port").exists)
    finally:
        sys.stderr.write((CLUSTER / "log").read_text(encoding="utf-8"))


def down():
    server = postmaster()
    for process in (CLUSTER / "processes").read_text(encoding="utf-8").splitlines():
        kill(json.loads(process))
    wait_for(lambda: not server or birth(int(server[0])) is None)
    shutil.rmtree(CLUSTER)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    command, *rest = sys.argv[1:]
    commands = {
        "up": up,
        "down": down,
        "serve": serve,
        "job": job,
        "route": route,
        "port-forward": port_forward,
    }
    commands[command](*rest)
