"""A sum over all processes by MPI."""

import socket

from mpi4py import MPI

world = MPI.COMM_WORLD
print(f"rank {world.Get_rank()} of {world.Get_size()} on {socket.gethostname()}", flush=True)
total = world.allreduce(world.Get_rank() + 1)
if world.Get_rank() == 0:
    print(f"result {total}", flush=True)
