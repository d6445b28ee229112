//! Corefiles, as far as options that can be followed: the file is the octets up to the first 0xff,
//! what it imports is the rest. It is read or refused in one line that says where.

use idetcd::corefile::{self, Imported, ImportedFile, Surroundings};
use idetcd::options::{self, Command};

const NAME: &str = "Corefile";

/// Octets: the file, 0xff, and the file that every `import` names.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |octet| *octet == 0xff);
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default());
    let (Ok(file), Ok(imported)) = (text(), text()) else { return };
    let environment = |name: &str| (name.len() < 4).then(|| name.to_owned());
    let import = |name: &str, _: &str| -> Imported {
        match name.len() % 3 {
            0 => Err("not found".to_owned()),
            1 => Ok(Vec::new()),
            _ => Ok(vec![ImportedFile { name: name.to_owned(), text: imported.to_owned() }]),
        }
    };
    let surroundings = Surroundings { environment: &environment, import: &import };
    let arguments = ["--conf", NAME].map(str::to_owned);
    let parsed = options::parse(&arguments, &[], &|_, port| {
        corefile::parse(NAME, file, port, &surroundings).map(Some)
    });
    match parsed {
        Ok(Command::Run(options)) => {
            assert!(
                !options.connect.endpoints.is_empty() && !options.listen.is_empty(),
                "{file:?}"
            );
            let name = options.node.keyspace.pattern.to_string();
            assert!(name.ends_with(options.node.keyspace.pattern.zone()), "{file:?}");
            for notice in options.corefile.iter().flat_map(|corefile| &corefile.notices) {
                assert!(!notice.to_string().contains(char::is_control), "{file:?}: {notice}");
            }
        }
        Ok(other) => panic!("{file:?}: {other:?}"),
        Err(error) => {
            let error = error.to_string();
            for line in error.lines() {
                let is_plain = !line.contains(char::is_control) && line.contains(": ");
                assert!(is_plain, "{file:?}: {error}");
            }
        }
    }
}
