//! What is limited, and how limits are written: `key:60/m,write:10/m,ip:600/5m`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// The most requests that a limit can name.
const MOST: u32 = 1_000_000;
/// The longest period that a limit can name.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Every call with a key.
    Key,
    /// The calls with a key that may change something.
    Write,
    /// Every call from an address, before anybody asks for its key.
    Ip,
    /// Refused credentials from an address; it cannot be configured.
    Failure,
}

impl Bucket {
    /// Those that can be configured, in the order in which they are written.
    const CONFIGURABLE: [Self; 3] = [Self::Key, Self::Write, Self::Ip];

    /// The bucket as settings, headers and problems spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Write => "write",
            Self::Ip => "ip",
            Self::Failure => "failed-authentication",
        }
    }
}

/// So many requests in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many requests a full bucket has room for.
    pub count: NonZeroU32,
    /// How long an empty bucket takes to fill, in whole seconds.
    pub period: Duration,
}

impl Rate {
    pub(super) const fn per_minute(count: u32) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self {
            count,
            period: Duration::from_secs(60),
        }
    }

    /// How long it takes until there is room for one more request.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.period / self.count.get()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.period.as_secs();
        let (number, unit) = match seconds {
            _ if seconds.is_multiple_of(3600) => (seconds / 3600, 'h'),
            _ if seconds.is_multiple_of(60) => (seconds / 60, 'm'),
            _ => (seconds, 's'),
        };
        match number {
            1 => write!(f, "{}/{unit}", self.count),
            _ => write!(f, "{}/{number}{unit}", self.count),
        }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, period) = text.split_once('/').ok_or("lacks a slash")?;
        let count: u32 = count.parse().map_err(|_| "has no number of requests")?;
        let count = NonZeroU32::new(count).filter(|count| count.get() <= MOST);
        let count = count.ok_or("must allow from 1 to 1,000,000 requests")?;
        let period = period_of(period).ok_or("needs a period such as s, m, h or 5m")?;
        if period.is_zero() || period > LONGEST {
            return Err("must have a period from 1 second to 24 hours");
        }
        Ok(Self { count, period })
    }
}

fn period_of(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    let number: u64 = match &text[..text.len() - 1] {
        "" => 1,
        digits => digits.parse().ok()?,
    };
    Some(Duration::from_secs(number.saturating_mul(unit)))
}

/// The limit of each bucket that has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits(Vec<(Bucket, Rate)>);

impl RateLimits {
    /// What a public service begins with.
    #[must_use]
    pub fn of_a_public_service() -> Self {
        let by_ip = Rate {
            period: Duration::from_secs(300),
            ..Rate::per_minute(600)
        };
        Self(vec![
            (Bucket::Key, Rate::per_minute(60)),
            (Bucket::Write, Rate::per_minute(10)),
            (Bucket::Ip, by_ip),
        ])
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    /// What `bucket` holds; `None` when it is not limited.
    #[must_use]
    pub fn get(&self, bucket: Bucket) -> Option<Rate> {
        let found = self.0.iter().find(|(named, _)| *named == bucket);
        found.map(|(_, rate)| *rate)
    }

    /// These limits for a key with limits of its `own`, which stand in their place one by one; a key
    /// whose own limits are `off` has none, but the address that it is used from still has. Where
    /// these are `off`, they are for every key.
    #[must_use]
    pub fn under(&self, own: Option<&Self>) -> Self {
        let Some(own) = own.filter(|_| !self.is_off()) else {
            return self.clone();
        };
        let rate = |&bucket: &Bucket| match bucket {
            Bucket::Ip => self.get(bucket),
            _ if own.is_off() => None,
            _ => own.get(bucket).or_else(|| self.get(bucket)),
        };
        let buckets = Bucket::CONFIGURABLE.iter();
        Self(
            buckets
                .filter_map(|bucket| Some((*bucket, rate(bucket)?)))
                .collect(),
        )
    }

    /// These limits, if they can be those of one key.
    ///
    /// # Errors
    /// A sentence when they limit addresses.
    pub fn of_a_key(self) -> Result<Self, &'static str> {
        match self.get(Bucket::Ip) {
            Some(_) => Err("a key has limits `key` and `write`; `ip` holds for addresses"),
            None => Ok(self),
        }
    }
}

impl fmt::Display for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_off() {
            return f.write_str("off");
        }
        for (index, (bucket, rate)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}:{rate}", bucket.as_str())?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a list of limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; write limits as in key:60/m,write:10/m,ip:600/5m, or off", .0.join("; "))]
pub struct InvalidRateLimits(Vec<String>);

impl FromStr for RateLimits {
    type Err = InvalidRateLimits;

    fn from_str(text: &str) -> Result<Self, InvalidRateLimits> {
        if text.trim() == "off" {
            return Ok(Self::default());
        }
        let (mut limits, mut faults) = (Vec::new(), Vec::new());
        for part in text.split(',').map(str::trim) {
            match limit(part) {
                Ok((bucket, _)) if limits.iter().any(|(named, _)| *named == bucket) => {
                    faults.push(format!("`{}` is named twice", bucket.as_str()));
                }
                Ok(limit) => limits.push(limit),
                Err(fault) => faults.push(format!("`{part}` {fault}")),
            }
        }
        limits.sort_unstable_by_key(|(bucket, _)| *bucket);
        if faults.is_empty() {
            Ok(Self(limits))
        } else {
            Err(InvalidRateLimits(faults))
        }
    }
}

fn limit(part: &str) -> Result<(Bucket, Rate), &'static str> {
    let (name, rate) = part.split_once(':').ok_or("lacks a colon")?;
    let mut known = Bucket::CONFIGURABLE.into_iter();
    let bucket = known.find(|bucket| bucket.as_str() == name);
    Ok((
        bucket.ok_or("names none of key, write and ip")?,
        rate.parse()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RateLimits {
        text.parse().unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "off",
            "key:60/m,write:10/m,ip:600/5m",
            "key:1/s",
            "write:1000000/24h",
            "ip:7/90s",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        let public = RateLimits::of_a_public_service();
        assert_eq!(public.to_string(), "key:60/m,write:10/m,ip:600/5m");
        assert_eq!(
            read(" ip:1/60s , key:2/120m").to_string(),
            "key:2/2h,ip:1/m"
        );
    }

    #[test]
    fn says_every_fault() {
        let text = "key:60,key:0/m,color:1/m,write:1/m,write:2/m,ip:1/d,ip:1/25h,,ip:-1/m";
        let faults = text.parse::<RateLimits>().unwrap_err();
        assert_eq!(faults.0.len(), 8, "{faults}");
        for text in [
            "",
            "Off",
            "key:1/m;write:1/m",
            "key:1000001/s",
            "ip:1/0s",
            "ip:1/é",
        ] {
            assert!(text.parse::<RateLimits>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_keys_own_limits_stand_before_the_general_ones() {
        let general = read("key:60/m,write:10/m,ip:600/5m");
        let under = |own: &str| general.under(Some(&read(own))).to_string();
        assert_eq!(under("write:100/m"), "key:60/m,write:100/m,ip:600/5m");
        assert_eq!(under("off"), "ip:600/5m");
        assert_eq!(general.under(None), general);
        assert!(read("off").under(Some(&read("key:1/m"))).is_off());
        assert_eq!(
            read("ip:9/m").under(Some(&read("key:1/m"))).to_string(),
            "key:1/m,ip:9/m"
        );
    }

    #[test]
    fn a_key_cannot_limit_addresses() {
        assert!(read("key:1/m,ip:1/m").of_a_key().is_err());
        assert!(read("off").of_a_key().is_ok());
    }
}
