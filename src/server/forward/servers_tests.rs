use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// The addresses of those that are to be probed.
fn unprobed(servers: &mut Servers) -> Vec<SocketAddr> {
    servers.take_unprobed().into_iter().map(|server| server.address).collect()
}

#[test]
fn own_addresses_are_left_out_and_silent_servers_come_last() {
    let all = ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"].map(address);
    let mut servers = Servers::new(".", ForwardTo::Servers(all.to_vec()));
    let now = Instant::now();
    servers.set_own(&[all[1], address("10.0.0.1:5353")]);
    servers.refresh(now);
    assert_eq!(servers.in_order(now), [all[0], all[2]]);
    for _ in 0..2 {
        servers.note_failure(all[0], now);
    }
    assert_eq!(servers.in_order(now), [all[0], all[2]], "it may have been the name");
    servers.note_answer(all[0]);
    servers.note_failure(all[0], now);
    assert_eq!(servers.in_order(now), [all[0], all[2]], "not in a row");
    for _ in 0..2 {
        servers.note_failure(all[0], now);
    }
    servers.refresh(now + CHECK_INTERVAL);
    assert_eq!(servers.in_order(now), [all[2], all[0]]);
    assert_eq!(servers.in_order(now + DEMOTION), [all[0], all[2]], "the order given is back");
    servers.set_own(&all);
    servers.refresh(now);
    assert_eq!(servers.in_order(now), []);
}

#[test]
fn a_server_that_leads_back_is_left_alone_for_a_while_and_probed_again() {
    let all = ["10.0.0.1:53", "10.0.0.2:53"].map(address);
    let mut servers = Servers::new(".", ForwardTo::Servers(all.to_vec()));
    let now = Instant::now();
    servers.refresh(now);
    assert_eq!(unprobed(&mut servers), all);
    assert_eq!(unprobed(&mut servers), []);
    servers.mark_loop(all[0], now);
    assert_eq!(servers.in_order(now), [all[1]]);
    servers.probe_all_again();
    assert_eq!(unprobed(&mut servers), [all[1]]);
    let later = now + LOOP_PAUSE;
    assert_eq!(servers.in_order(later), all);
    assert_eq!(unprobed(&mut servers), [all[0]]);
}

#[test]
fn the_file_is_read_again_when_it_changes() {
    let path = std::env::temp_dir().join(format!("idetcd-resolv-{}", std::process::id()));
    let now = Instant::now();
    let mut servers = Servers::new(".", ForwardTo::ResolvConf(path.clone()));
    servers.refresh(now);
    assert_eq!(servers.in_order(now), [], "a file that is not there names no servers");
    std::fs::write(&path, "nameserver 10.0.0.1\nnameserver ::1\n").expect("written");
    servers.refresh(now);
    assert_eq!(servers.in_order(now), [], "not looked at again yet");
    servers.refresh(now + CHECK_INTERVAL);
    assert_eq!(servers.in_order(now), ["10.0.0.1:53", "[::1]:53"].map(address));
    // What is read in vain changes nothing.
    servers.note_failure(address("10.0.0.1:53"), now);
    servers.refresh(now + 2 * CHECK_INTERVAL);
    assert_eq!(servers.servers[0].failures, 1);
    std::fs::remove_file(&path).expect("removed");
    servers.refresh(now + 3 * CHECK_INTERVAL);
    assert_eq!(servers.in_order(now), []);
}

#[test]
fn a_server_that_changes_the_spelling_is_put_to_the_test_again_after_a_while() {
    let server = address("10.0.0.1:53");
    let mut servers = Servers::new(".", ForwardTo::Servers(vec![server]));
    let now = Instant::now();
    servers.refresh(now);
    let has_random_case =
        |servers: &Servers, at| servers.hop(server, at).expect("a server").has_random_case;
    assert!(has_random_case(&servers, now));
    servers.note_news(server, HopNews::ChangesSpelling, now);
    assert!(!has_random_case(&servers, now));
    assert!(has_random_case(&servers, now + SMALL_LETTERS_TIME));
}
