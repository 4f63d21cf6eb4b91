//! Where and as what we are reached.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::Source;
use crate::limits::{ForwardingHeader, Proxies};

/// Where and as what we are reached.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Address and port of the operator's API; `None`: `listen`.
    pub admin_listen: Option<SocketAddr>,
    /// What operators call us, without a slash at the end; `None`: as the outside does.
    pub admin_public_url: Option<String>,
    /// What the outside calls us, without a slash at the end.
    pub public_url: String,
    /// How long requests are still taken after a stop was asked for, so that balancers can notice.
    pub shutdown_delay: Duration,
    /// How long requests in flight may take to finish after that.
    pub shutdown_grace: Duration,
    /// The origins whose pages may call us from a browser; `None`: any.
    pub cors_origins: Option<Vec<String>>,
    /// The certificate of our listeners; `None`: they speak plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether requests that came in plain are refused.
    pub require_https: bool,
    /// The proxies in front of us.
    pub proxies: Proxies,
    /// Where they write whom a request comes from.
    pub proxy_header: ForwardingHeader,
    /// Whether this is a development environment, which shows more of itself.
    pub is_development: bool,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those between it and the one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    fn read(source: &mut Source) -> Option<Self> {
        let (certificate, key) = (source.find("TLS_CERTIFICATE"), source.find("TLS_KEY"));
        if certificate.is_some() != key.is_some() {
            source.fault("TLS_KEY", "must be set together with TLS_CERTIFICATE");
        }
        Some(Self {
            certificate: certificate?,
            key: key?,
        })
    }
}

impl HttpConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let listen: SocketAddr = source.get("LISTEN", SocketAddr::from(([127, 0, 0, 1], 8000)));
        let admin_listen: Option<SocketAddr> = source.find("ADMIN_LISTEN");
        if admin_listen == Some(listen) {
            source.fault(
                "ADMIN_LISTEN",
                "must not be LISTEN: leave it out to have one listener",
            );
        }
        let tls = TlsFiles::read(source);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let public_url: String = source
            .find("PUBLIC_URL")
            .unwrap_or_else(|| format!("{scheme}://localhost:{}", listen.port()));
        let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if !is_url(&public_url) {
            source.fault("PUBLIC_URL", "must begin with https:// or http://");
        }
        let admin_public_url: Option<String> = source.find("ADMIN_PUBLIC_URL");
        if admin_public_url.as_deref().is_some_and(|url| !is_url(url)) {
            source.fault("ADMIN_PUBLIC_URL", "must begin with https:// or http://");
        }
        let own_port = admin_listen.map(|listen| format!("{scheme}://localhost:{}", listen.port()));
        let admin_public_url = admin_public_url.or(own_port);
        Self {
            listen,
            admin_listen,
            admin_public_url: admin_public_url.map(|url| url.trim_end_matches('/').to_owned()),
            public_url: public_url.trim_end_matches('/').to_owned(),
            shutdown_delay: Duration::from_secs(source.get("SHUTDOWN_DELAY_SECONDS", 0)),
            shutdown_grace: Duration::from_secs(source.get("SHUTDOWN_GRACE_SECONDS", 30)),
            cors_origins: source.get("CORS_ORIGINS", CorsOrigins(None)).0,
            tls,
            require_https: source.get("REQUIRE_HTTPS", Switch::Off) == Switch::On,
            proxies: source.get("TRUSTED_PROXIES", Proxies::default()),
            proxy_header: source.get("TRUSTED_PROXY_HEADER", ForwardingHeader::default()),
            is_development: source.get("ENVIRONMENT", Environment::Production)
                == Environment::Development,
        }
    }
}

impl HttpConfig {
    /// What operators call us, without a slash at the end.
    #[must_use]
    pub fn operator_url(&self) -> &str {
        self.admin_public_url.as_deref().unwrap_or(&self.public_url)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Environment {
    Development,
    Production,
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("must be development or production"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            // What YAML makes of them in a file.
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => Err("must be on or off"),
        }
    }
}

/// A list of origins; `*` is any.
struct CorsOrigins(Option<Vec<String>>);

impl FromStr for CorsOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self(None));
        }
        let origins = text.split([',', ' ']).filter(|origin| !origin.is_empty());
        let origins = origins.map(origin).collect::<Result<_, _>>()?;
        Ok(Self(Some(origins)))
    }
}

/// An origin as browsers send it (RFC 6454, 6.2): scheme, host and port, in lower case.
fn origin(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_host = |rest: &str| !rest.is_empty() && !rest.contains(['/', '*', '?', '#', '@']);
    match rest {
        Some(rest) if is_host(rest) => Ok(text.to_ascii_lowercase()),
        _ => Err(format!(
            "`{text}` is no origin: write scheme and host, such as https://app.example.com, or * for any"
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Faults, HttpConfig, Source};

    fn read(settings: &[(&str, &str)]) -> Result<HttpConfig, Faults> {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(Source::new(settings.collect())).map(|config| config.http)
    }

    #[test]
    fn operators_have_an_address_of_their_own_or_the_common_one() {
        let http = |settings: &[(&str, &str)]| read(settings).unwrap();
        assert_eq!(http(&[]).operator_url(), "http://localhost:8000");
        let own = ("ADMIN_LISTEN", "127.0.0.1:8001");
        assert_eq!(http(&[own]).operator_url(), "http://localhost:8001");
        let named = ("ADMIN_PUBLIC_URL", "https://ops.example/");
        assert_eq!(http(&[own, named]).operator_url(), "https://ops.example");
        assert!(read(&[("ADMIN_LISTEN", "127.0.0.1:8000")]).is_err());
    }

    #[test]
    fn a_certificate_and_its_key_are_set_together() {
        let both = [("TLS_CERTIFICATE", "a.pem"), ("TLS_KEY", "b.pem")];
        let http = read(&both).unwrap();
        assert!(http.tls.is_some());
        assert_eq!(http.public_url, "https://localhost:8000");
        for one in both {
            assert!(read(&[one]).is_err(), "{one:?}");
        }
        assert!(read(&[("REQUIRE_HTTPS", "on")]).unwrap().require_https);
        assert!(read(&[("REQUIRE_HTTPS", "perhaps")]).is_err());
    }

    #[test]
    fn origins_are_listed_or_any() {
        let origins = |text| read(&[("CORS_ORIGINS", text)]).unwrap().cors_origins;
        assert_eq!(origins("*"), None);
        let listed = ["https://a.example", "http://localhost:3000"].map(str::to_owned);
        assert_eq!(
            origins("https://A.example, http://localhost:3000"),
            Some(listed.into())
        );
    }
}
