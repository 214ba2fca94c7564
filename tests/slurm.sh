#!/usr/bin/env bash
# A Slurm cluster of one node in this machine or container, for tests: `slurm.sh start` and `slurm.sh stop`, as root.
# Needs Debian's slurm-wlm and munge. Nothing of systemd, cgroups or accounting.
set -euo pipefail
state=${SLURM_TEST_STATE:-/tmp/harness-slurm}
conf=/etc/slurm/slurm.conf

start() {
    mkdir -p "$state"/{spool,log,ctld} /etc/slurm /run/munge
    if [ -e "$conf" ] && ! grep -q '^ClusterName=harness-test$' "$conf"; then
        echo "there is a Slurm of its own here ($conf); it is used as it is" && exit 0
    fi
    cat >"$conf" <<CONF
ClusterName=harness-test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
SchedulerParameters=sched_interval=1,bf_interval=1
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.log
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    if ! munge -n >/dev/null 2>&1; then
        [ -s /etc/munge/munge.key ] || (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
        chown -R munge: /etc/munge /run/munge /var/lib/munge /var/log/munge 2>/dev/null || true
        chmod 0755 /run/munge
        su -s /bin/sh munge -c munged 2>/dev/null || munged --force
        touch "$state/munged"
    fi
    pid "$state/slurmctld.pid" || slurmctld
    pid "$state/slurmd.pid" || slurmd
    for _ in $(seq 100); do
        sinfo -h -o %t 2>/dev/null | grep -qE 'idle|mix|alloc' && return
        sinfo -h -o %t 2>/dev/null | grep -q down && scontrol update "NodeName=$(hostname -s)" State=RESUME || true
        sleep 0.2
    done
    tail -n 20 "$state"/log/*.log >&2
    echo "Slurm did not start" >&2
    exit 1
}

stop() {
    for name in slurmd slurmctld; do
        if pid "$state/$name.pid"; then kill "$(cat "$state/$name.pid")"; fi
    done
    if [ -e "$state/munged" ]; then # it was started here
        munged --stop 2>/dev/null || kill "$(cat /run/munge/munged.pid)"
        rm "$state/munged"
    fi
    if grep -q '^ClusterName=harness-test$' "$conf" 2>/dev/null; then rm -f "$conf"; fi
}

# Whether the process whose number stands in the file is alive.
pid() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

"${1:?start or stop}"
