"""A tiny model by DistributedDataParallel on gloo, started by torchrun."""

import os
import socket
import sys
import time

import torch
import torch.distributed as distributed

STEPS = 12

print("I am", socket.getfqdn(), flush=True)
distributed.init_process_group("gloo")
torch.manual_seed(1)
model = torch.nn.Linear(2, 1)
begin = 0
if os.path.exists(sys.argv[1]):
    saved = torch.load(sys.argv[1])
    model.load_state_dict(saved["model"])
    begin = saved["step"]
# The others read before the first one writes again.
distributed.barrier()
parallel = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
data = torch.randn(64, 2)
wanted = data @ torch.tensor([[3.0], [-1.0]])
for step in range(begin + 1, STEPS + 1):
    optimizer.zero_grad()
    ((parallel(data) - wanted) ** 2).mean().backward()
    optimizer.step()
    if distributed.get_rank() == 0:
        torch.save({"model": model.state_dict(), "step": step}, sys.argv[1] + ".new")
        os.replace(sys.argv[1] + ".new", sys.argv[1])
    distributed.barrier()
    print(f"step {step} of {STEPS}", flush=True)
    time.sleep(0.3)
print("result", ",".join(f"{value:.4f}" for value in model.weight.detach().flatten().tolist()), flush=True)
