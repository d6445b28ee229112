"""A tiny model by MultiWorkerMirroredStrategy, with TF_CONFIG from the list that idetcd gives."""

import json
import os
import socket
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
peers = os.environ["IDETCD_PEERS"].split()
os.environ["TF_CONFIG"] = json.dumps({
    "cluster": {"worker": [f"{name}:2222" for name in peers]},
    "task": {"type": "worker", "index": int(os.environ["IDETCD_RANK"])},
})
print("I am", socket.getfqdn(), flush=True)

import numpy  # noqa: E402
import tensorflow as tf  # noqa: E402

STEPS = 12

strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    weights = tf.Variable([0.0, 0.0])
    step = tf.Variable(0, dtype=tf.int64)
checkpoint = tf.train.Checkpoint(weights=weights, step=step)
backup = os.path.join(sys.argv[1], "step")
latest = tf.train.latest_checkpoint(sys.argv[1])
if latest:
    checkpoint.restore(latest)
data = numpy.random.default_rng(1).normal(size=(64, 2)).astype("float32")


@tf.function
def replica_step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((tf.linalg.matvec(tf.constant(data), weights) - tf.constant(data[:, 0] * 3 - data[:, 1])) ** 2)
    gradient = tape.gradient(loss, weights)
    context = tf.distribute.get_replica_context()
    gradient = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradient)
    weights.assign_sub(0.3 * gradient)
    return loss


while int(step.numpy()) < STEPS:
    strategy.run(replica_step)
    step.assign_add(1)
    done = int(step.numpy())
    print(f"step {done} of {STEPS}", flush=True)
    time.sleep(0.3)
    # Each writes what all have: only the first one's is read.
    where = backup if strategy.cluster_resolver.task_id == 0 else f"{backup}-{strategy.cluster_resolver.task_id}-unused"
    checkpoint.write(f"{where}-{done}") if strategy.cluster_resolver.task_id else checkpoint.save(where)
print("result", ",".join(f"{value:.4f}" for value in weights.numpy()), flush=True)
