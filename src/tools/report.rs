//! The findings of a check, a line each.

use super::table::{self, Cell, Style, Tone, shown};
use crate::failure::Failure;
use Severity::{Bad, Good, Note, Waits};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Good,
    /// Well enough for a node to be named.
    Note,
    /// Not well: a node would start, and wait without a name until it is.
    Waits,
    /// Not well: no node could start.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The thing that was looked at, in a word.
    pub(super) subject: &'static str,
    /// The state of it, and the remedy if that is not well.
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(severity: Severity, subject: &'static str, text: impl ToString) -> Finding {
        Finding { severity, subject, text: text.to_string() }
    }
}

/// A value with what there is to tell of it, or why there is none.
pub(super) type Found<T> = Result<(Vec<Finding>, T), Finding>;

/// Writes findings as they come, and keeps the worst in mind.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) style: Style,
    pub(super) worst: Severity,
}

impl Report {
    /// Writes a line for each.
    pub(super) fn tell(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
    ) -> Result<(), Failure> {
        for finding in findings {
            self.worst = self.worst.max(finding.severity);
            table::write(&line(&finding, self.style))?;
        }
        Ok(())
    }

    /// Writes what there is to tell, and hands on the value.
    pub(super) fn keep<T>(&mut self, found: Found<T>) -> Result<Option<T>, Failure> {
        match found {
            Ok((findings, value)) => self.tell(findings).map(|()| Some(value)),
            Err(finding) => self.tell([finding]).map(|()| None),
        }
    }
}

fn line(finding: &Finding, style: Style) -> String {
    let (word, tone) = match finding.severity {
        Good => ("ok", Tone::Good),
        Note => ("note", Tone::Odd),
        Waits | Bad => ("FAIL", Tone::Bad),
    };
    // Colours have no width, so the padding follows the word.
    let gap = " ".repeat(6 - word.len());
    let word = shown(&Cell::new(word).with(tone), style);
    let text = shown(&Cell::new(&finding.text), style);
    let subject = finding.subject;
    match style {
        Style::Tabs => format!("{word}\t{subject}\t{text}\n"),
        Style::Aligned | Style::Coloured => format!("{word}{gap}{subject:<10}  {text}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines() {
        let bad = Finding::new(Bad, "etcd", "gone\nfor ever");
        let table = [
            (Style::Tabs, "FAIL\tetcd\tgone\\nfor ever\n"),
            (Style::Aligned, "FAIL  etcd        gone\\nfor ever\n"),
            (Style::Coloured, "\x1b[31mFAIL\x1b[0m  etcd        gone\\nfor ever\n"),
        ];
        for (style, wanted) in table {
            assert_eq!(line(&bad, style), wanted);
        }
        assert_eq!(line(&Finding::new(Good, "dns", "x"), Style::Aligned), "ok    dns         x\n");
    }
}
