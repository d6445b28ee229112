//! What `--help` of each command shows: at most 80 columns.

pub(super) const LIST_HELP: &str = "\
Usage: idetcd list --pattern NAME [OPTION]...
Shows the names as etcd has them now: slot, name, addresses, port, seconds left
on the lease, and a note. The note \"me\" is for the one node of this host; where
several are on it, each is \"here\". Into a pipe: a line for each name, with tabs
between the columns and \"-\" where there is nothing.

  --json          everything, for programs
  --hosts         lines for /etc/hosts
  --tf-config     TF_CONFIG for TensorFlow: a job for --pattern and for each
                  --resolve, called worker for worker{{.ID}}; the task is the
                  place of this host's node, and left out unless that is certain
  --tf-port PORT  where TensorFlow listens; the ports in etcd are DNS's   [2222]
  --port N        of several nodes on this host, I am the one that published N";

pub(super) const WAIT_HELP: &str = "\
Usage: idetcd wait --pattern NAME --count N [OPTION]...
Waits until nodes have N names of the pattern, and while etcd is out of reach.
Exit status 0 as soon as they have, 1 if not in time or if a signal ends it.

  --count N            how many
  --timeout SECONDS    for how long                                   [for ever]";

pub(super) const CHECK_HELP: &str = "\
Usage: idetcd check --pattern NAME [OPTION]...
Says whether a node with these options, all of which are the server's (see
idetcd --help), could start here and be named: files, the user of --run-as, each
endpoint of etcd, its user, addresses, permissions, free names, DNS port; and
what to do about what is not well. It changes nothing, neither in etcd nor here.
Exit status 0 if a node could; 1 if it could not start, or would wait without a
name, as while etcd is away.";

pub(super) const RELEASE_HELP: &str = "\
Usage: idetcd release --pattern NAME [OPTION]... NAME
Takes a name away, which is given as such or by its number: shows what stands
there, asks, and deletes just that. A node that runs takes its name again at
once: stop it there instead. A node that died loses its name with its lease. So
this is for names that were put by hand, or hang on a long lease.

  --yes           do not ask";

pub(super) const SHARED_HELP: &str = "

As for the server, see idetcd --help:
  --endpoints, --prefix, --limit, --resolve, --cacert, --cert, --key, --user,
  --password-file, --etcd-timeout, --conf, --dns.port, -v, -q";
