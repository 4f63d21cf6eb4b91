//! Whose request it is by address, with proxies in between.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// The proxies whose word on where a request came from is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

/// The header in which those proxies name the address before them. Only one is read: a proxy that
/// writes one of them may pass on the other as a stranger sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, addresses separated by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), the addresses in its `for` parameters.
    Forwarded,
}

impl Proxies {
    /// The client's address: `peer`, unless that is one of these proxies; then what it says of the
    /// address before it, and so on from the right of `lines` (the header's lines, in their order)
    /// until an address is none of these. What stands left of that one anybody may have written. A
    /// proxy that names no address is itself the client.
    #[must_use]
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        header: ForwardingHeader,
        lines: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = lines.rev().flat_map(|line| line.rsplit(','));
        for hop in hops {
            if !self.contains(client) {
                return client;
            }
            match header.address(hop.trim()) {
                Some(address) => client = address.to_canonical(),
                None => return client,
            }
        }
        client
    }

    /// Whether `peer` is one of these proxies and says that the client spoke HTTPS with the first of
    /// them. `line` is the first line of the header that [`ForwardingHeader::scheme_name`] names.
    ///
    /// A client can write such a line itself, and then deceives nobody but itself.
    #[must_use]
    pub fn say_https(&self, peer: IpAddr, header: ForwardingHeader, line: Option<&str>) -> bool {
        let first = line.and_then(|line| line.split(',').next());
        self.contains(peer.to_canonical()) && first.is_some_and(|hop| header.is_https(hop.trim()))
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Proxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let networks = words.map(|word| {
            let network = word.parse::<IpNet>().ok();
            let network = network.or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| {
                format!("`{word}` is no network: write addresses or networks such as 10.0.0.0/8")
            })
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl ForwardingHeader {
    /// The header's name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    fn address(self, hop: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => address(hop),
            Self::Forwarded => parameter(hop, "for").and_then(address),
        }
    }

    /// The header in which the same proxies name the scheme that the client spoke, in lower case.
    #[must_use]
    pub fn scheme_name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-proto",
            Self::Forwarded => "forwarded",
        }
    }

    fn is_https(self, hop: &str) -> bool {
        let scheme = match self {
            Self::XForwardedFor => Some(hop),
            Self::Forwarded => parameter(hop, "proto"),
        };
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }
}

impl FromStr for ForwardingHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::XForwardedFor, Self::Forwarded];
        let mut known = known.into_iter();
        let found = known.find(|header| header.name().eq_ignore_ascii_case(text));
        found.ok_or("must be X-Forwarded-For or Forwarded")
    }
}

/// The value of the parameter `name` of one element of `Forwarded` (RFC 7239, 4).
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        let is_found = found.eq_ignore_ascii_case(name);
        is_found.then(|| value.trim_matches('"'))
    })
}

/// An address, which may have a port, and brackets if it is of version 6.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, _port) = rest.split_once(']')?;
        return address.parse().ok().map(IpAddr::V6);
    }
    let (address, _port) = text.split_once(':')?;
    address.parse().ok().map(IpAddr::V4)
}

/// What shares a bucket: an address of version 4, or the /64 of one of version 6, which is the
/// least that a network gives to one customer.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            format!("{prefix}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, header: ForwardingHeader, lines: &[&str]) -> String {
        let proxies: Proxies = "10.0.0.0/8, 2001:db8::1".parse().unwrap();
        let peer = peer.parse().unwrap();
        let client = proxies.client(peer, header, lines.iter().copied());
        client.to_string()
    }

    #[test]
    fn strangers_are_not_believed() {
        let of = |peer, lines: &[&str]| client(peer, ForwardingHeader::XForwardedFor, lines);
        assert_eq!(of("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            of("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.2.2.2"]),
            "198.51.100.1"
        );
        assert_eq!(of("10.0.0.1", &["10.9.9.9,10.2.2.2"]), "10.9.9.9");
        assert_eq!(of("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            of("::ffff:10.0.0.1", &["198.51.100.1:4711"]),
            "198.51.100.1"
        );
        assert_eq!(of("2001:db8::1", &["[2001:db8::2]:80"]), "2001:db8::2");
    }

    #[test]
    fn only_a_proxy_is_believed_that_the_client_spoke_https() {
        let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
        let say = |peer: &str, header, line| {
            let peer = peer.parse().unwrap();
            proxies.say_https(peer, header, Some(line))
        };
        let x = ForwardingHeader::XForwardedFor;
        assert!(say("10.0.0.1", x, "https"));
        assert!(say("::ffff:10.0.0.1", x, "HTTPS, http"));
        assert!(!say("203.0.113.7", x, "https"));
        assert!(!say("10.0.0.1", x, "http"));
        assert!(!say("10.0.0.1", x, ""));
        let standard = ForwardingHeader::Forwarded;
        assert!(say(
            "10.0.0.1",
            standard,
            "for=1.1.1.1;Proto=\"https\", proto=http"
        ));
        assert!(!say("10.0.0.1", standard, "for=1.1.1.1, proto=https"));
        assert!(!say("203.0.113.7", standard, "proto=https"));
        assert!(!proxies.say_https("10.0.0.1".parse().unwrap(), x, None));
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let of = |line| client("10.0.0.1", ForwardingHeader::Forwarded, &[line]);
        assert_eq!(
            of("for=198.51.100.1;proto=https;by=10.0.0.1"),
            "198.51.100.1"
        );
        assert_eq!(
            of("for=1.1.1.1, For=\"[2001:db8:cafe::17]:4711\""),
            "2001:db8:cafe::17"
        );
        assert_eq!(
            of("for=198.51.100.1, proto=http;for=10.3.3.3"),
            "198.51.100.1"
        );
        assert_eq!(of("for=_hidden"), "10.0.0.1");
        assert_eq!(of("198.51.100.1"), "10.0.0.1");
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        assert_eq!("".parse::<Proxies>(), Ok(Proxies::default()));
        assert!("10.0.0.0/33".parse::<Proxies>().is_err());
        assert!("proxy.example".parse::<Proxies>().is_err());
        assert!("X-Real-IP".parse::<ForwardingHeader>().is_err());
        assert_eq!("forwarded".parse(), Ok(ForwardingHeader::Forwarded));
    }
}
