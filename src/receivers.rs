//! Whom the server may speak to because an operator named a URL: receivers of changes. A URL must not
//! lead into the network that the server stands in, where it could reach what the outside cannot.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;
use url::{Host, Url};

/// Which receivers there may be.
#[derive(Clone, Debug, Default)]
pub struct Receivers {
    /// The hosts that a URL may name.
    pub hosts: Hosts,
    /// Internal networks in which they may stand all the same, and be spoken to without TLS.
    pub internal: Networks,
}

/// Names of hosts; none stands for all. One that begins with a dot stands for all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

/// Networks in CIDR notation, or single addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Why there may not be such a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no URL with a host.
    #[error("must be a URL with a host")]
    NoUrl,
    /// It is neither https nor http.
    #[error("must begin with https://")]
    Scheme,
    /// It would be spoken to in plain, and not in a network that allows it.
    #[error("must begin with https://, unless it names an address in WEBHOOK_NETWORKS")]
    Plain,
    /// It names a user.
    #[error("must not name a user or a password: deliveries are signed")]
    User,
    /// It has a fragment.
    #[error("must not have a fragment")]
    Fragment,
    /// Its host is not one of those that are allowed.
    #[error("names a host that WEBHOOK_HOSTS does not allow")]
    Host,
    /// Its address is in no network that may be spoken to.
    #[error("leads to an internal address")]
    Internal,
}

impl FromStr for Hosts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(|name| name.trim().to_ascii_lowercase());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        let is_name = |name: &String| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
            name.bytes().all(letter)
        };
        if names.iter().all(is_name) {
            Ok(Self(names))
        } else {
            Err("must be names of hosts, separated by commas")
        }
    }
}

impl FromStr for Networks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let network = |part: &str| {
            let address = || part.parse::<IpAddr>().map(IpNet::from);
            part.parse::<IpNet>().or_else(|_| address())
        };
        let networks = parts.map(network).collect::<Result<_, _>>();
        networks
            .map(Self)
            .map_err(|_| "must be addresses or networks such as 10.0.0.0/8, separated by commas")
    }
}

impl Hosts {
    fn allow(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let is_it = |name: &String| match name.strip_prefix('.') {
            Some(_) => host.ends_with(name.as_str()),
            None => host == *name,
        };
        self.0.is_empty() || self.0.iter().any(is_it)
    }
}

impl Networks {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Receivers {
    /// The URL, if what it says by itself is allowed. Where its name leads to is asked when it is
    /// connected to, with [`Receivers::allow`].
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, url: &str) -> Result<Url, Refused> {
        let url: Url = url.parse().map_err(|_| Refused::NoUrl)?;
        let host = url.host().ok_or(Refused::NoUrl)?;
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::from(address)),
            Host::Ipv6(address) => Some(IpAddr::from(address)),
            Host::Domain(_) => None,
        };
        let is_internal = address.is_some_and(|address| self.internal.contain(address));
        match url.scheme() {
            "https" => {}
            "http" if is_internal => {}
            "http" => return Err(Refused::Plain),
            _ => return Err(Refused::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::User);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        if !self.hosts.allow(&host.to_string()) {
            return Err(Refused::Host);
        }
        if address.is_some_and(|address| !self.allow(address)) {
            return Err(Refused::Internal);
        }
        Ok(url)
    }

    /// Whether a receiver may have this address.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.internal.contain(address) || is_public(address)
    }
}

/// What is not for the public, by IANA's registries of special-purpose addresses (RFC 6890), and
/// multicast.
static NOT_PUBLIC: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        // Within 2000::/3: protocol assignments with Teredo, documentation, 6to4.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    let parsed = networks.iter().filter_map(|network| network.parse().ok());
    parsed.collect()
});

fn is_public(address: IpAddr) -> bool {
    let is_unicast = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => is_global_unicast(address),
    };
    is_unicast && !NOT_PUBLIC.iter().any(|network| network.contains(&address))
}

/// Of IPv6 only 2000::/3 was given out (RFC 4291, 2.4); the rest is local, mapped or translated.
fn is_global_unicast(address: Ipv6Addr) -> bool {
    address.segments()[0] >> 13 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receivers(hosts: &str, internal: &str) -> Receivers {
        Receivers {
            hosts: hosts.parse().unwrap(),
            internal: internal.parse().unwrap(),
        }
    }

    #[test]
    fn no_internal_address_is_a_receiver() {
        assert_eq!(NOT_PUBLIC.len(), 18);
        let any = Receivers::default();
        for internal in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "2001:db8::1",
            "fec0::1",
        ] {
            assert!(!any.allow(internal.parse().unwrap()), "{internal}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(any.allow(public.parse().unwrap()), "{public}");
        }
        let some = receivers("", "10.0.0.0/8, fd00::/8,127.0.0.1");
        for allowed in ["10.9.9.9", "fd00::1", "::ffff:10.0.0.1", "127.0.0.1"] {
            assert!(some.allow(allowed.parse().unwrap()), "{allowed}");
        }
        assert!(!some.allow("169.254.169.254".parse().unwrap()));
    }

    #[test]
    fn a_url_says_where_it_leads_and_nothing_else() {
        let any = Receivers::default();
        let refused = |url: &str| any.check(url).map(|_| ());
        assert_eq!(refused("https://example.com/changes?for=me"), Ok(()));
        assert_eq!(refused("https://8.8.8.8:8443/"), Ok(()));
        assert_eq!(refused("http://example.com/"), Err(Refused::Plain));
        assert_eq!(refused("ftp://example.com/"), Err(Refused::Scheme));
        assert_eq!(refused("file:///etc/passwd"), Err(Refused::NoUrl));
        assert_eq!(refused("example.com"), Err(Refused::NoUrl));
        assert_eq!(refused("https://me@example.com/"), Err(Refused::User));
        assert_eq!(refused("https://:secret@example.com/"), Err(Refused::User));
        assert_eq!(refused("https://example.com/#here"), Err(Refused::Fragment));
        for internal in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest",
        ] {
            assert_eq!(refused(internal), Err(Refused::Internal), "{internal}");
        }
        let inside = receivers("", "127.0.0.0/8");
        assert!(inside.check("http://127.0.0.1:9000/").is_ok());
        assert_eq!(
            inside.check("http://10.0.0.1/").map(drop),
            Err(Refused::Plain)
        );
    }

    #[test]
    fn hosts_are_held_to_the_list() {
        let some = receivers("hooks.example.com, .internal.example.org", "");
        let is_allowed = |url: &str| some.check(url).is_ok();
        assert!(is_allowed("https://hooks.example.com/"));
        assert!(is_allowed("https://HOOKS.example.com/"));
        assert!(is_allowed("https://a.b.internal.example.org/"));
        assert!(!is_allowed("https://internal.example.org/"));
        assert!(!is_allowed("https://evilhooks.example.com/"));
        assert!(!is_allowed("https://hooks.example.com.evil.com/"));
        assert!("two words".parse::<Hosts>().is_err());
        assert!("10.0.0.0/33".parse::<Networks>().is_err());
    }
}
