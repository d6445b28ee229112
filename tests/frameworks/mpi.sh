#!/bin/sh
# What each worker runs: the first one starts a process on each by ssh, the others are there for that.
# Usage: mpi.sh DIRECTORY_OF_KEYS PYTHON PROGRAM
set -eu
echo "I am $(hostname)"
mkdir -p /run/sshd
/usr/sbin/sshd -f /dev/null -h "$1/host" -o "AuthorizedKeysFile=$1/user.pub" -o PidFile=none -o StrictModes=no \
    -o UsePAM=no -o PermitRootLogin=yes
if [ "$IDETCD_RANK" != 0 ]; then
    exec sleep infinity
fi
hosts=$1/hostfile
ssh="-i $1/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
for peer in $IDETCD_PEERS; do
    echo "$peer slots=1"
    # All are there, but their programs begin when they begin.
    # shellcheck disable=SC2086 # a list of words
    until ssh $ssh "$peer" true; do sleep 0.1; done
done >"$hosts"
exec mpirun --allow-run-as-root --hostfile "$hosts" --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 \
    --mca plm_rsh_args "$ssh" "$2" "$3"
