//! Tokens: how long ours last, and whose else are believed.

use std::path::PathBuf;
use std::time::Duration;

use super::Source;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The most issuers that a file can list.
const ISSUERS: usize = 20;

/// How tokens are issued and believed.
#[derive(Clone, Debug)]
pub struct OAuthConfig {
    /// How long an access token works.
    pub access_token_time: Duration,
    /// How long a session lasts after it was renewed last.
    pub refresh_token_time: Duration,
    /// How long a session lasts at most.
    pub session_time: Duration,
    /// Issuers whose tokens are believed, besides this service.
    pub issuers: Vec<IssuerConfig>,
}

/// An issuer whose tokens are believed.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// What its tokens say in `iss`.
    pub issuer: String,
    /// Where its keys are.
    pub jwks: JwksPlace,
    /// What its tokens must say in `aud`.
    pub audience: String,
    /// The claim that names the GPT.
    pub gpt_claim: String,
    /// The claim that names the scopes.
    pub scope_claim: String,
}

/// Where a JWK set is.
#[derive(Clone, Debug)]
pub enum JwksPlace {
    /// There, over HTTPS; or over HTTP on this machine.
    Url(url::Url),
    /// In this file.
    File(PathBuf),
}

impl OAuthConfig {
    pub(super) fn read(source: &mut Source) -> Self {
        let seconds: u64 = source.get("OAUTH_ACCESS_TOKEN_SECONDS", 3600);
        if !(60..=86_400).contains(&seconds) {
            source.fault("OAUTH_ACCESS_TOKEN_SECONDS", "must be from 60 to 86400");
        }
        let renewed: u32 = source.get("OAUTH_REFRESH_TOKEN_DAYS", 30);
        let longest: u32 = source.get("OAUTH_SESSION_DAYS", 180);
        for (name, days) in [
            ("OAUTH_REFRESH_TOKEN_DAYS", renewed),
            ("OAUTH_SESSION_DAYS", longest),
        ] {
            if !(1..=3650).contains(&days) {
                source.fault(name, "must be from 1 to 3650");
            }
        }
        let listed = (0..ISSUERS).map(|place| format!("OAUTH_ISSUERS_{place}"));
        let names = std::iter::once("OAUTH".to_owned()).chain(listed);
        let issuers = names.filter_map(|name| IssuerConfig::read(source, &name));
        Self {
            issuers: issuers.collect(),
            access_token_time: Duration::from_secs(seconds),
            refresh_token_time: DAY * renewed,
            session_time: DAY * longest,
        }
    }
}

impl IssuerConfig {
    /// The issuer whose settings begin with `name`; `None` when there is none, or one with faults.
    fn read(source: &mut Source, name: &str) -> Option<Self> {
        let issuer: String = source.find(&format!("{name}_ISSUER"))?;
        let of_issuer = |what: &str| match name {
            "OAUTH" => format!("OAUTH_ISSUER_{what}"),
            listed => format!("{listed}_{what}"),
        };
        let (jwks, audience) = (of_issuer("JWKS"), of_issuer("AUDIENCE"));
        let place: Option<String> = source.find(&jwks);
        let named: Option<String> = source.find(&audience);
        if named.is_none() {
            source.fault(&audience, "must say for whom the issuer's tokens are");
        }
        let place = place.as_deref().and_then(JwksPlace::parse);
        if place.is_none() {
            let what = "must be an https:// URL, or a file that can be read";
            source.fault(&jwks, what);
        }
        Some(Self {
            issuer,
            jwks: place?,
            audience: named?,
            gpt_claim: source.get(&of_issuer("GPT_CLAIM"), "gpt_id".to_owned()),
            scope_claim: source.get(&of_issuer("SCOPE_CLAIM"), "scope".to_owned()),
        })
    }
}

impl JwksPlace {
    fn parse(text: &str) -> Option<Self> {
        if !text.contains("://") {
            let path = PathBuf::from(text);
            return path.is_file().then_some(Self::File(path));
        }
        let url = url::Url::parse(text).ok()?;
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        is_safe.then_some(Self::Url(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> (OAuthConfig, Vec<String>) {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut source = Source::new(settings.collect());
        (OAuthConfig::read(&mut source), source.into_faults())
    }

    #[test]
    fn one_issuer_is_named_by_the_environment() {
        let (config, faults) = read(&[
            ("OAUTH_ISSUER", "https://login.example.com/"),
            ("OAUTH_ISSUER_JWKS", "https://login.example.com/jwks"),
            ("OAUTH_ISSUER_AUDIENCE", "store"),
            ("OAUTH_ISSUER_GPT_CLAIM", "tenant"),
        ]);
        assert!(faults.is_empty(), "{faults:?}");
        let [issuer] = &config.issuers[..] else {
            panic!("there should be one: {config:?}");
        };
        assert_eq!(issuer.issuer, "https://login.example.com/");
        assert_eq!(
            (&*issuer.gpt_claim, &*issuer.scope_claim),
            ("tenant", "scope")
        );
    }

    #[test]
    fn more_are_listed_in_a_file() {
        let keys = tempfile::NamedTempFile::new().unwrap();
        let keys = keys.path().to_str().unwrap();
        let listed = format!(
            "oauth:\n  access_token_seconds: 600\n  issuers:\n\
             \x20   - {{issuer: a, jwks: {keys}, audience: x}}\n\
             \x20   - {{issuer: b, jwks: 'http://127.0.0.1:1/jwks', audience: y, scope_claim: scp}}\n"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, listed).unwrap();
        let (config, faults) = read(&[("CONFIG", file.path().to_str().unwrap())]);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.access_token_time, Duration::from_secs(600));
        let names: Vec<_> = config.issuers.iter().map(|known| &*known.issuer).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(matches!(config.issuers[0].jwks, JwksPlace::File(_)));
        assert_eq!(config.issuers[1].scope_claim, "scp");
    }

    #[test]
    fn faults_name_their_setting() {
        let (config, faults) = read(&[
            ("OAUTH_ACCESS_TOKEN_SECONDS", "1"),
            ("OAUTH_SESSION_DAYS", "0"),
            ("OAUTH_ISSUER", "https://login.example.com/"),
            ("OAUTH_ISSUER_JWKS", "http://login.example.com/jwks"),
        ]);
        assert!(config.issuers.is_empty());
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
