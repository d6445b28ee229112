"""The jobs: what is started, killed and brought back, and what has to come of it."""

import re

WORKERS = 3


def same(nodes, pattern):
    """What all of them said, which has to be the same."""
    said = {tuple(re.findall(pattern, node.text()))[-1:] for node in nodes}
    if len(said) != 1 or not all(said):
        raise SystemExit(f"frameworks: they differ: {said}")
    return said.pop()[0]


def train(hosts, job, program, options, again):
    """Lets workers train, kills one of them in the middle, and sees all of them end well."""
    nodes = [hosts.start(number, job, str(WORKERS), program, options, again) for number in range(1, WORKERS + 1)]
    for node in nodes:
        node.says("step 5 ")
    victim = next(node for node in nodes if "I am worker2.tf.local" in node.text())
    victim.kill()
    print(f"{job}: worker2.tf.local was killed after step 5", flush=True)
    if not again:
        victim.end()
        nodes[nodes.index(victim)] = victim = hosts.start(
            nodes.index(victim) + 1, job, str(WORKERS), program, options, again)
    for node in nodes:
        node.succeeds()
    if "I am worker2.tf.local" not in victim.text():
        raise SystemExit(f"frameworks: {job}: it came back under another name:\n{victim.text()}")
    result = same(nodes, r"result (\S+)")
    hosts.end_all()
    return f"{WORKERS} workers, one killed and back under its name; all ended with {result}"


def tensorflow(hosts, programs):
    """MultiWorkerMirroredStrategy: all begin again from the last backup, with the list that is new."""
    program = [programs.python, programs.file("tensorflow_worker.py"), hosts.scratch / "tensorflow-backup"]
    return train(hosts, "tensorflow", program, ["--on-peer-lost", "end"], again=True)


def jax(hosts, programs):
    """jax.distributed: all begin again."""
    program = [programs.python, programs.file("jax_worker.py")]
    return train(hosts, "jax", program, ["--on-peer-lost", "end"], again=True)


def torchrun(hosts, programs):
    """torchrun is elastic: those that are left wait for the one that comes back under its rank."""
    # Without the redirects Debian's release (1.13) fails with its Python (3.11).
    line = (f"exec torchrun --nnodes $IDETCD_COUNT --nproc_per_node 1 --node_rank $IDETCD_RANK --rdzv_id job "
            f"--redirects 0:1 --tee 0:1 --log_dir {hosts.scratch} --rdzv_backend c10d --rdzv_endpoint ${{IDETCD_PEERS%% *}}:29400 --max_restarts 9 "
            f"{programs.file('torch_worker.py')} {hosts.scratch}/torch-backup")
    return train(hosts, "torchrun", ["sh", "-c", line], ["--on-peer-lost", "keep"], again=True)


def mpi(hosts, programs):
    """Open MPI: rank 0 starts the others' processes by ssh, which is what their program is."""
    keys = hosts.scratch / "ssh"
    line = f"exec sh {programs.file('mpi.sh')} {keys} {programs.system_python} {programs.file('mpi_worker.py')}"
    nodes = [hosts.start(number, "mpi", str(WORKERS), ["sh", "-c", line]) for number in range(1, WORKERS + 1)]
    first = next(iter(sorted(nodes, key=lambda node: (node.says("I am worker"), "I am worker1." not in node.text())[1])))
    first.succeeds()
    result = same([first], r"result (\S+)")
    hosts.end_all()
    return f"{WORKERS} workers by ssh; ended with {result}"


ALL = {"tensorflow": tensorflow, "torchrun": torchrun, "mpi": mpi, "jax": jax}
