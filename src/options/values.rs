//! The arguments of options: numbers, times, addresses, files and commands, each read by its
//! option's name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use getopts::Matches;

use super::table::{self, OptionEntry};
use crate::cluster::AddressChoice;
use crate::failure::Failure;
use crate::node::LeaseTtl;
use crate::text;

/// In milliseconds.
const ETCD_TIMEOUT: std::ops::RangeInclusive<u32> = 100..=60_000;

/// In milliseconds as well. Less would be a flood.
const NOTIFY_DELAY: std::ops::RangeInclusive<u32> = 20..=60_000;

/// In octets: a GiB.
const LARGEST_SIZE: u64 = 1 << 30;

/// In milliseconds as well: a day.
const LONGEST_CHANGE_WAIT: u32 = 86_400_000;

pub(super) fn wrong<T>(option: &str, text: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::usage(format!("--{option}: {text}")))
}

/// The number that is given, or else the default of the table. The table says which are allowed.
///
/// # Errors
/// When it is none of these, or there is neither.
pub(super) fn number<N: TryFrom<u32>>(matches: &Matches, option: &str) -> Result<N, Failure> {
    let entry = table::entry(option);
    let default = entry.and_then(OptionEntry::default).map(str::to_owned);
    let Some(text) = matches.opt_str(option).or(default) else {
        let help = entry.map_or("", |entry| entry.help);
        return wrong(option, format!("must be given: {help}"));
    };
    parse(option, &text)
}

/// The number that is given; `None`: none is.
pub(super) fn optional_number<N: TryFrom<u32>>(
    matches: &Matches,
    option: &str,
) -> Result<Option<N>, Failure> {
    matches.opt_str(option).map(|text| parse(option, &text)).transpose()
}

fn parse<N: TryFrom<u32>>(option: &str, text: &str) -> Result<N, Failure> {
    let allowed = table::entry(option).map_or(0..=u32::MAX, |entry| entry.numbers.clone());
    let number = text::number(text).filter(|number| allowed.contains(number));
    let Some(number) = number.and_then(|number| N::try_from(number).ok()) else {
        let (least, most) = (allowed.start(), allowed.end());
        return wrong(option, format!("{text:?} is not a whole number from {least} to {most}"));
    };
    Ok(number)
}

/// A time in whole seconds, as [`number`] finds it.
pub(super) fn seconds(matches: &Matches, option: &str) -> Result<Duration, Failure> {
    number(matches, option).map(|seconds: u32| Duration::from_secs(seconds.into()))
}

/// The time to live of leases, or `auto`.
pub(super) fn lease_ttl(matches: &Matches) -> Result<LeaseTtl, Failure> {
    match given_or_default(matches, "lease-ttl").as_str() {
        "auto" => Ok(LeaseTtl::AUTO),
        text => seconds(matches, "lease-ttl").map(LeaseTtl::Fixed).or_else(|_| {
            wrong(
                "lease-ttl",
                format!("{text:?} is neither auto nor a whole number from 2 to 86400"),
            )
        }),
    }
}

/// A time that need not be whole seconds.
pub(super) fn etcd_timeout(matches: &Matches) -> Result<Duration, Failure> {
    part_of_seconds(matches, "etcd-timeout", &ETCD_TIMEOUT, "0.1 to 60")
}

/// The same.
pub(super) fn notify_delay(matches: &Matches) -> Result<Duration, Failure> {
    part_of_seconds(matches, "notify-delay", &NOTIFY_DELAY, "0.02 to 60")
}

fn part_of_seconds(
    matches: &Matches,
    option: &str,
    allowed: &std::ops::RangeInclusive<u32>,
    range: &str,
) -> Result<Duration, Failure> {
    let text = given_or_default(matches, option);
    match milliseconds(&text).filter(|milliseconds| allowed.contains(milliseconds)) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds.into())),
        None => wrong(option, format!("{text:?} is not a number of seconds from {range}")),
    }
}

/// Two such times, `MIN[:MAX]`; MAX is four times MIN where it is not given.
pub(super) fn change_wait(matches: &Matches) -> Result<(Duration, Duration), Failure> {
    let option = "change-wait";
    let text = given_or_default(matches, option);
    let (least, most) = match text.split_once(':') {
        Some((least, most)) => (milliseconds(least), milliseconds(most)),
        None => (milliseconds(&text), milliseconds(&text).map(|it| it.saturating_mul(4))),
    };
    let (Some(least), Some(most)) = (least, most.filter(|most| *most <= LONGEST_CHANGE_WAIT))
    else {
        let wanted = "MIN or MIN:MAX in seconds, up to 86400, as in 0.2:2";
        return wrong(option, format!("{text:?} is not {wanted}"));
    };
    if least > most {
        return wrong(option, format!("{text:?}: the first is longer than the second; turn them"));
    }
    Ok((Duration::from_millis(least.into()), Duration::from_millis(most.into())))
}

fn given_or_default(matches: &Matches, option: &str) -> String {
    let default = table::entry(option).and_then(OptionEntry::default);
    matches.opt_str(option).unwrap_or_else(|| default.unwrap_or_default().to_owned())
}

/// A number of seconds, of which three digits after the point count, in milliseconds.
fn milliseconds(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u32 = text::number(whole)?;
    let fraction = format!("{fraction:0<3}");
    // Digits, however many.
    text::number::<f64>(&fraction)?;
    let fraction: u32 = text::number(fraction.get(..3)?)?;
    whole.checked_mul(1000)?.checked_add(fraction)
}

/// A number of octets, or of so many thousands (`k`) or millions (`M`) of them, in powers of two.
pub(super) fn size(matches: &Matches, option: &str) -> Result<usize, Failure> {
    let given = given_or_default(matches, option);
    let (digits, shift) = match given.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 10),
        None => given.strip_suffix('M').map_or((given.as_str(), 0), |digits| (digits, 20)),
    };
    let octets = text::number::<u32>(digits).map(|number| u64::from(number) << shift);
    let Some(octets) = octets.filter(|octets| *octets <= LARGEST_SIZE) else {
        let wanted = "a number of octets up to 1024M, as in 65536, 512k or 4M";
        return wrong(option, format!("{given:?} is not {wanted}"));
    };
    Ok(usize::try_from(octets).unwrap_or(usize::MAX))
}

/// The text that is given, which must not be empty.
pub(super) fn filled(
    matches: &Matches,
    option: &str,
    if_empty: &str,
) -> Result<Option<String>, Failure> {
    match matches.opt_str(option) {
        Some(text) if text.is_empty() => wrong(option, if_empty),
        text => Ok(text),
    }
}

/// The address of a node to publish.
pub(super) fn address<A>(matches: &Matches, option: &str) -> Result<AddressChoice<A>, Failure>
where
    A: FromStr + Copy + Into<IpAddr>,
{
    let Some(text) = matches.opt_str(option) else { return Ok(AddressChoice::Discover) };
    if text == "none" {
        return Ok(AddressChoice::Omit);
    }
    let family = if option == "ipv4" { "an IPv4 address" } else { "an IPv6 address" };
    let Ok(address) = text.parse::<A>() else {
        return wrong(option, format!("{text:?} is not {family}, nor none"));
    };
    let ip: IpAddr = address.into();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return wrong(option, format!("{text} is not the address of a node; give {family} of it"));
    }
    Ok(AddressChoice::Fixed(address))
}

/// The name of a file that is read.
pub(super) fn path(matches: &Matches, option: &str) -> Result<Option<PathBuf>, Failure> {
    let text = filled(matches, option, "the name of the file is empty")?;
    Ok(text.map(PathBuf::from))
}

/// The parts between the commas of all arguments of an option.
pub(super) fn split<T>(matches: &Matches, option: &str) -> Result<Vec<T>, Failure>
where
    T: FromStr<Err: fmt::Display>,
{
    let texts = matches.opt_strs(option);
    let parsed = split_at_commas(&texts).map(|text| match text.parse() {
        Ok(value) => Ok(value),
        Err(error) => wrong(option, format!("{text:?}: {error}")),
    });
    parsed.collect()
}

pub(super) fn split_at_commas(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().flat_map(|text| text.split(',')).map(str::trim)
}

/// The name of a file that is written: the last part must name it.
pub(super) fn path_to_write(matches: &Matches, option: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(text) = matches.opt_str(option) else { return Ok(None) };
    let path = PathBuf::from(&text);
    if text.ends_with('/') || path.file_name().is_none() {
        let remedy = "give one as in /run/idetcd/name";
        return wrong(option, format!("{text:?} does not name a file; {remedy}"));
    }
    Ok(Some(path))
}

/// A command for `/bin/sh`.
pub(super) fn command(matches: &Matches, option: &str) -> Result<Option<String>, Failure> {
    match matches.opt_str(option) {
        Some(text) if text.trim().is_empty() => {
            wrong(option, "the command is empty; give one for /bin/sh, or leave the option out")
        }
        text => Ok(text),
    }
}
