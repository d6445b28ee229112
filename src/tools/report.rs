//! The findings of a check, a line each.

use super::table::{self, Cell, Style, Tone, shown};
use crate::failure::Failure;

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
    pub(super) fn good(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Good, subject, text: text.into() }
    }

    pub(super) fn note(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Note, subject, text: text.into() }
    }

    pub(super) fn waits(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Waits, subject, text: text.into() }
    }

    pub(super) fn bad(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding { severity: Severity::Bad, subject, text: text.into() }
    }
}

/// Writes findings as they come, and keeps the worst in mind.
#[derive(Debug)]
pub(super) struct Report {
    style: Style,
    pub(super) worst: Severity,
}

impl Report {
    pub(super) fn new(style: Style) -> Report {
        Report { style, worst: Severity::Good }
    }

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
}

fn line(finding: &Finding, style: Style) -> String {
    let (word, tone) = match finding.severity {
        Severity::Good => ("ok", Tone::Good),
        Severity::Note => ("note", Tone::Odd),
        Severity::Waits | Severity::Bad => ("FAIL", Tone::Bad),
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
        let bad = Finding::bad("etcd", "gone\nfor ever");
        let table = [
            (Style::Tabs, "FAIL\tetcd\tgone\\nfor ever\n"),
            (Style::Aligned, "FAIL  etcd        gone\\nfor ever\n"),
            (Style::Coloured, "\x1b[31mFAIL\x1b[0m  etcd        gone\\nfor ever\n"),
        ];
        for (style, wanted) in table {
            assert_eq!(line(&bad, style), wanted);
        }
        assert_eq!(line(&Finding::good("dns", "x"), Style::Aligned), "ok    dns         x\n");
    }
}
