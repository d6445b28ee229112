//! What `--help` shows: one screen.

pub(super) const HELP: &str = "\
Usage: idetcd --pattern NAME [OPTION]..., or idetcd [--conf FILE] [OPTION]...
       idetcd list|wait|check|release [OPTION]...
       idetcd exec [OPTION]... -- PROGRAM [ARG]...
Takes the lowest free name of a pattern in etcd, and answers DNS for all nodes.

  --pattern NAME        required, such as 'worker{{.ID}}.tf.local.'
  --limit N             highest ID to take                        [10]
  --wait                no free name: wait for one, and serve meanwhile
  --resolve NAME        answer for these names as well, repeatable
  --listen ADDR[:PORT]  where to answer, repeatable    [0.0.0.0:53 and [::]:53]
  --forward ADDR[:PORT][,...]  where queries for other names go, or
                        resolv.conf: the servers named there    [refused]
  --ttl SECONDS         TTL of the answers                        [5]
  --max-stale SECONDS   answer this long without etcd         [86400]
  --allow NET[,NET]     answer these networks only, repeatable    [all]
  --rrl N               replies a second to a network over UDP    [all]
What is published; found out where not given:
  --ipv4 ADDR|none, --ipv6 ADDR|none, --interface NAME, --port N
etcd, and how to be let in:
  --endpoints URL[,URL] repeatable               [http://localhost:2379]
  --prefix KEY          what all keys begin with               [none]
  --cacert FILE         whom to trust for https://      [the system's]
  --cert FILE --key FILE  client certificate
  --user NAME[:PASSWORD], --password-file FILE
  --lease-ttl SECONDS   how long the name outlives a dead node    [20]
  --etcd-timeout SECONDS  patience with each call to etcd         [2]
The CoreDNS plugin's configuration; each option wins over it:
  --conf FILE|stdin     a Corefile         [./Corefile where no --pattern is]
  --dns.port N          port of its server blocks that name none  [53]
For programs on this node:
  --name-file PATH      holds the name for as long as it is owned
  --on-claim CMD, --on-lost CMD  run by sh when the name comes and goes
  --grace SECONDS       how long those, and PROGRAM, may take to end  [10]
  --metrics-file PATH   figures for Prometheus, by node_exporter
  --run-as USER[:GROUP] who to be, once the port is bound     [unchanged]
Tools for the operator, each with a --help of its own:
  idetcd list           who has which name, and how to tell others
  idetcd wait           wait until so many nodes are named
  idetcd check          whether a node could start here, and what to do if not
  idetcd release        take a name away by hand

  -v, --verbose  log more; twice: each query   -q, --quiet  warnings and errors
  -h, --help     show this and exit            -V, --version
Exit status: 0 stopped by a signal, 1 failure, 2 usage, 3 no free name;
with exec that of PROGRAM, 128 and more for a signal, 126 and 127 as in sh.";
