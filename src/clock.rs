//! Time: UTC, in whole microseconds, from one place.
//!
//! Both databases keep exactly what [`Timestamp`] holds, so a value read back equals the one
//! that was answered.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use humantime::format_rfc3339_micros;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The last moment that humantime writes, the end of the year 9999; its first is 0. It is several times
/// as quick as chrono, and a page of objects has a hundred moments.
const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// A moment in UTC, truncated to whole microseconds.
///
/// Written as RFC 3339 with six fractional digits and `Z`; read from any RFC 3339 offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The present moment. Nothing but this function asks the time of day.
    #[must_use]
    pub fn now() -> Self {
        Self::from(Utc::now())
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, as OpenAI's types have them.
    #[must_use]
    pub fn as_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// The moment `micros` microseconds after 1970-01-01T00:00:00Z; `None` outside chrono's years.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    /// This moment moved by `duration`; stays where it is when the sum is not representable.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        chrono::TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_add_signed(delta))
            .map_or(self, Self::from)
    }

    /// This moment moved back by `duration`; stays where it is when the difference is not
    /// representable.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        chrono::TimeDelta::from_std(duration)
            .ok()
            .and_then(|delta| self.0.checked_sub_signed(delta))
            .map_or(self, Self::from)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(moment.trunc_subsecs(6))
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (0..=LAST_MICROS).contains(&self.as_micros()) {
            return format_rfc3339_micros(self.0.into()).fmt(f);
        }
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|moment| Self::from(moment.with_timezone(&Utc)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_agree() {
        let day = 86_400_000_000;
        let days = (-2..80_000).map(|count| count * day + count * 1_234_567);
        for micros in days.chain([-1, 0, LAST_MICROS, LAST_MICROS + 1]) {
            let moment = Timestamp::from_micros(micros).unwrap();
            let text = moment.0.to_rfc3339_opts(SecondsFormat::Micros, true);
            assert_eq!(moment.to_string(), text);
        }
    }

    #[test]
    fn writes_six_digits_and_truncates() {
        let moment: Timestamp = "2026-01-02T03:04:05.1234569+02:00".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-01-02T01:04:05.123456Z");
        let whole: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-01-02T03:04:05.000000Z");
        assert_eq!(Timestamp::from_micros(whole.as_micros()), Some(whole));
    }
}
