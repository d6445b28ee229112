//! A file that names the servers, and changes.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use simple_dns::TYPE;
use support::{Directory, Etcd, Node, PATIENCE, ask, until};

use super::ELSEWHERE;

/// Long enough that a change within one tick of a file system's clock is out of the question.
const OLD: Duration = Duration::from_secs(3);

#[test]
fn a_link_that_is_switched_to_a_file_of_the_same_size_and_time_is_noticed() {
    let (etcd, directory) = (Etcd::start(), Directory::new());
    let (link, next) = (directory.file("resolv.conf"), directory.file("next"));
    let time = SystemTime::now() - Duration::from_secs(3600);
    for number in [2, 3] {
        let path = directory.file(&number.to_string());
        fs::write(&path, format!("nameserver 127.0.0.{number}\n")).expect("written");
        File::options().write(true).open(&path).and_then(|it| it.set_modified(time)).expect("set");
    }
    symlink(directory.file("2"), &link).expect("a link");
    std::thread::sleep(OLD);
    let node = Node::in_cluster(&etcd, 1, 5, &["--forward", &link]);
    let forwards_to = |server: &str| {
        let line = format!("forwarding to {server}:53\n");
        until(PATIENCE, &line, || {
            let _ = ask(node.address(), ELSEWHERE, TYPE::A);
            node.log().contains(&line).then_some(())
        });
    };
    forwards_to("127.0.0.2");
    symlink(directory.file("3"), &next).expect("a link");
    fs::rename(&next, &link).expect("switched");
    forwards_to("127.0.0.3");
}
