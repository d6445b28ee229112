//! The list of a job: who its members are, in the order of their slots. It is a value in etcd, and the file
//! that each member writes for its program.
//!
//! A list is first fixed, and then started, when all of its members have said that they are there. Its
//! revision, that of etcd at which it was fixed, is what it is known by from then on.

use serde_json::{Value, json};

use super::job::JobName;
use super::keyspace::Keyspace;
use super::pattern::SlotId;
use super::record::Record;

/// The most members: the list is one value, and etcd takes no more than 1.5 MB.
pub const MOST_MEMBERS: u32 = 4000;

/// A node that is to be, or is, on the list of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMember {
    /// The slot of its name.
    pub slot: SlotId,
    /// Its name, without the final dot.
    pub name: String,
    /// What it publishes.
    pub record: Record,
    /// The revision at which it claimed the name or took it over: its fencing token.
    pub token: i64,
}

/// The state of a list in etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListState {
    /// Fixed, at the revision of the key itself: its members are to join it.
    Fixed,
    /// All of its members joined the list that was fixed at this revision, and their programs start.
    Started(i64),
}

/// A list as it stands in etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobList {
    /// How far it has got.
    pub state: ListState,
    /// Its members, by slot.
    pub members: Vec<JobMember>,
}

/// A list by which programs start; the same for all of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedList {
    /// The job.
    pub job: JobName,
    /// The revision at which it was fixed.
    pub revision: i64,
    /// Its members, by slot.
    pub members: Vec<JobMember>,
}

impl JobMember {
    /// A node that has this name.
    pub fn new(keyspace: &Keyspace, slot: SlotId, record: Record, token: i64) -> JobMember {
        let name = keyspace.pattern.name(slot).trim_end_matches('.').to_owned();
        JobMember { slot, name, record, token }
    }

    /// Reads its key's value; `None`: that is something else.
    pub fn parse(value: &[u8]) -> Option<JobMember> {
        JobMember::read(&serde_json::from_slice(value).ok()?)
    }

    /// The value of its key.
    pub fn value(&self) -> String {
        self.json().to_string()
    }

    /// Whether it is the same life of the same node.
    pub fn is_same_life(&self, other: &JobMember) -> bool {
        (self.slot, self.token) == (other.slot, other.token)
    }

    fn json(&self) -> Value {
        let own = [
            ("slot", Value::from(self.slot.get())),
            ("name", Value::from(self.name.as_str())),
            ("token", Value::from(self.token)),
        ];
        let published = self.record.fields().map(|(name, text)| (name, Value::from(text)));
        let fields = own.into_iter().chain(published);
        Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn read(value: &Value) -> Option<JobMember> {
        let slot = value.get("slot")?.as_u64().and_then(|slot| u32::try_from(slot).ok())?;
        Some(JobMember {
            slot: SlotId::new(slot)?,
            name: value.get("name")?.as_str()?.to_owned(),
            // What is published has an address at least.
            record: Record::of_json(value).ok()?,
            token: value.get("token")?.as_i64()?,
        })
    }
}

impl JobList {
    /// Reads the value of the list's key; `None`: that is something else.
    pub fn parse(value: &[u8]) -> Option<JobList> {
        let value: Value = serde_json::from_slice(value).ok()?;
        let state = match value.get("state")?.as_str()? {
            "fixed" => ListState::Fixed,
            "started" => ListState::Started(value.get("list_revision")?.as_i64()?),
            _ => return None,
        };
        let members = value.get("members")?.as_array()?.iter().map(JobMember::read);
        let members: Vec<JobMember> = members.collect::<Option<_>>()?;
        let is_in_order = members.is_sorted_by(|one, next| one.slot < next.slot);
        (is_in_order && !members.is_empty()).then_some(JobList { state, members })
    }

    /// The value of the list's key.
    pub fn value(&self) -> String {
        let members: Vec<Value> = self.members.iter().map(JobMember::json).collect();
        match self.state {
            ListState::Fixed => json!({"state": "fixed", "members": members}),
            ListState::Started(revision) => {
                json!({"state": "started", "list_revision": revision, "members": members})
            }
        }
        .to_string()
    }

    /// The member that has this slot.
    pub fn of_slot(&self, slot: SlotId) -> Option<&JobMember> {
        self.members.iter().find(|member| member.slot == slot)
    }
}

impl StartedList {
    /// The place of a slot in it, from 0.
    pub fn rank_of(&self, slot: SlotId) -> Option<usize> {
        self.members.iter().position(|member| member.slot == slot)
    }

    /// The text of the file: one line of JSON, the same octets for each member.
    pub fn file_text(&self) -> String {
        let members = self.members.iter().enumerate().map(|(rank, member)| {
            let mut fields = member.json();
            if let Some(object) = fields.as_object_mut() {
                object.insert("rank".to_owned(), rank.into());
            }
            fields
        });
        let members: Vec<Value> = members.collect();
        let (job, count) = (self.job.to_string(), members.len());
        let text =
            json!({"job": job, "list_revision": self.revision, "count": count, "members": members});
        format!("{text}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(slot: u32, token: i64) -> JobMember {
        let record = Record { ipv4: Some([10, 0, 0, 5].into()), port: Some(53), ipv6: None };
        let slot = SlotId::new(slot).expect("not zero");
        JobMember { slot, name: format!("w{slot}.tf.local"), record, token }
    }

    #[test]
    fn lists_are_read_as_they_are_written() {
        let members = vec![member(2, 20), member(10, 9)];
        for state in [ListState::Fixed, ListState::Started(77)] {
            let list = JobList { state, members: members.clone() };
            assert_eq!(JobList::parse(list.value().as_bytes()).as_ref(), Some(&list));
        }
        let value = members[0].value();
        assert_eq!(JobMember::parse(value.as_bytes()).as_ref(), Some(&members[0]));
        assert_eq!(
            value,
            r#"{"ipv4":"10.0.0.5","name":"w2.tf.local","port":"53","slot":2,"token":20}"#
        );
        let list = StartedList { job: JobName::default(), revision: 77, members };
        assert_eq!(list.rank_of(SlotId::new(10).expect("not zero")), Some(1));
        assert_eq!(
            list.file_text(),
            concat!(
                r#"{"count":2,"job":"","list_revision":77,"members":["#,
                r#"{"ipv4":"10.0.0.5","name":"w2.tf.local","port":"53","rank":0,"slot":2,"token":20},"#,
                r#"{"ipv4":"10.0.0.5","name":"w10.tf.local","port":"53","rank":1,"slot":10,"token":9}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn anything_else_is_no_list() {
        let member = r#"{"ipv4":"10.0.0.5","name":"w2","slot":2,"token":20}"#;
        let list = |members: &str| format!(r#"{{"state":"fixed","members":[{members}]}}"#);
        assert!(JobList::parse(list(member).as_bytes()).is_some());
        for members in ["", "1", &format!("{member},{member}"), &member.replace(":2,", ":0,")] {
            assert_eq!(JobList::parse(list(members).as_bytes()), None, "{members}");
        }
        for value in ["", "[]", "{}", r#"{"state":"started","members":[]}"#, r#"{"state":"x"}"#] {
            assert_eq!(JobList::parse(value.as_bytes()), None, "{value}");
        }
        for field in ["slot", "name", "token", "ipv4"] {
            let value = member.replace(field, "other");
            assert_eq!(JobMember::parse(value.as_bytes()), None, "{value}");
        }
    }
}
