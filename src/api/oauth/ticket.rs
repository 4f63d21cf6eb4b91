//! What ties the answer of a person to the page that asked: a signed ticket in the form, and a
//! nonce in a cookie that no other site's request carries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use poem::Request;
use poem::http::header::COOKIE;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::parameters::Parameters;
use crate::clock::Timestamp;
use crate::error::Error;

/// What the key of tickets is derived for: the same secret signs cursors and links.
const PURPOSE: &[u8] = b"gpt-object-store: tickets of the consent page";
/// How long a person may take, in seconds.
const TICKET_SECONDS: i64 = 600;
const NONCE_BYTES: usize = 32;

/// A browser's share of a ticket.
pub struct Nonce(String);

impl Nonce {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

/// The cookie that a nonce lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceCookie {
    /// Only this very host can set it, over TLS (RFC 6265bis, 4.1.3.2).
    OfHost,
    /// For a server on somebody's own machine, which has no TLS.
    OfLocalhost,
}

impl NonceCookie {
    /// The cookie for a server that the outside calls `public_url`.
    #[must_use]
    pub fn of(public_url: &str) -> Self {
        if public_url.starts_with("https://") {
            Self::OfHost
        } else {
            Self::OfLocalhost
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OfHost => "__Host-gos_consent",
            Self::OfLocalhost => "gos_consent",
        }
    }

    /// The nonce that `request` carries, if it has the form of one.
    #[must_use]
    pub fn read(self, request: &Request) -> Option<Nonce> {
        let lines = request.headers().get_all(COOKIE).iter();
        let values = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let mut named = values.filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = named.find(|(name, _)| *name == self.name())?;
        let is_nonce = URL_SAFE_NO_PAD
            .decode(value)
            .is_ok_and(|bytes| bytes.len() == NONCE_BYTES);
        is_nonce.then(|| Nonce(value.to_owned()))
    }

    /// The value of `Set-Cookie`.
    #[must_use]
    pub fn set(self, nonce: &Nonce) -> String {
        let secure = match self {
            Self::OfHost => "; Secure",
            Self::OfLocalhost => "",
        };
        let (name, value) = (self.name(), &nonce.0);
        format!(
            "{name}={value}; Path=/; Max-Age={TICKET_SECONDS}; HttpOnly; SameSite=Strict{secure}"
        )
    }
}

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The parameters of the request that the page was shown for.
    pub parameters: Parameters,
    /// Whether it is over, or was made for another browser: then the page is to be shown again.
    pub is_stale: bool,
}

/// Writes and reads tickets: `end "." digest of the nonce "." parameters "." tag`.
#[derive(Clone)]
pub struct Tickets(Hmac<Sha256>);

impl Tickets {
    /// Tickets signed with a key that is derived from `secret`, which has any length.
    ///
    /// # Errors
    /// Never in practice: HMAC takes keys of every length (RFC 2104).
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        let mut derived = keyed(secret)?;
        derived.update(PURPOSE);
        Ok(Self(keyed(&derived.finalize().into_bytes())?))
    }

    /// A ticket for the page that asks about `parameters` in the browser that has `nonce`.
    #[must_use]
    pub fn issue(&self, parameters: &Parameters, nonce: &Nonce, now: Timestamp) -> String {
        let end = now.as_seconds() + TICKET_SECONDS;
        let form = URL_SAFE_NO_PAD.encode(parameters.to_form());
        let content = format!("{end}.{}.{form}", nonce.digest());
        let tag = self.mac(&content).finalize().into_bytes();
        format!("{content}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads a ticket; `None` when it was not issued here.
    #[must_use]
    pub fn open(&self, ticket: &str, nonce: Option<&Nonce>, now: Timestamp) -> Option<Opened> {
        let (content, tag) = ticket.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(content).verify_slice(&tag).ok()?;
        let (end, rest) = content.split_once('.')?;
        let (digest, form) = rest.split_once('.')?;
        let is_this_browser = |nonce: &Nonce| {
            let own = nonce.digest();
            bool::from(own.as_bytes().ct_eq(digest.as_bytes()))
        };
        let is_over = end.parse::<i64>().ok()? <= now.as_seconds();
        Some(Opened {
            parameters: Parameters::of_form(&URL_SAFE_NO_PAD.decode(form).ok()?),
            is_stale: is_over || !nonce.is_some_and(is_this_browser),
        })
    }

    fn mac(&self, content: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(content.as_bytes());
        mac
    }
}

fn keyed(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|error| Error::Internal(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn carried(cookie: NonceCookie, line: &str) -> Option<Nonce> {
        cookie.read(&Request::builder().header("cookie", line).finish())
    }

    #[test]
    fn a_ticket_is_good_for_its_browser_and_time_only() {
        let tickets = Tickets::new(b"secret").unwrap();
        let (ours, another) = (Nonce::generate().unwrap(), Nonce::generate().unwrap());
        let parameters = Parameters::of_form(b"client_id=app_1&state=a.b");
        let ticket = tickets.issue(&parameters, &ours, at(1000));
        let is_stale = |nonce, seconds| {
            let opened = tickets.open(&ticket, nonce, at(seconds)).unwrap();
            assert_eq!(opened.parameters, parameters);
            opened.is_stale
        };
        assert!(!is_stale(Some(&ours), 1599));
        assert!(is_stale(Some(&ours), 1600));
        assert!(is_stale(Some(&another), 1000));
        assert!(is_stale(None, 1000));
    }

    #[test]
    fn a_changed_ticket_is_none() {
        let tickets = Tickets::new(b"secret").unwrap();
        let nonce = Nonce::generate().unwrap();
        let ticket = tickets.issue(&Parameters::of_form(b"state=1"), &nonce, at(1000));
        let open = |tickets: &Tickets, text: &str| tickets.open(text, Some(&nonce), at(1000));
        assert!(open(&tickets, &ticket).is_some());
        for index in 0..ticket.len() {
            let mut changed = ticket.clone().into_bytes();
            changed[index] = if changed[index] == b'0' { b'1' } else { b'0' };
            assert!(open(&tickets, std::str::from_utf8(&changed).unwrap()).is_none());
        }
        assert!(open(&tickets, "").is_none());
        assert!(open(&Tickets::new(b"another").unwrap(), &ticket).is_none());
    }

    #[test]
    fn a_nonce_is_found_among_other_cookies() {
        let nonce = Nonce::generate().unwrap();
        for cookie in [NonceCookie::OfHost, NonceCookie::OfLocalhost] {
            let set = cookie.set(&nonce);
            let pair = set.split(';').next().unwrap();
            let found = carried(cookie, &format!("a=b; {pair}; c")).unwrap();
            assert_eq!(found.digest(), nonce.digest());
        }
        assert!(carried(NonceCookie::OfHost, "__Host-gos_consent=short").is_none());
        assert!(carried(NonceCookie::OfHost, "gos_consent=x").is_none());
    }

    #[test]
    fn only_this_host_sets_the_cookie() {
        let nonce = Nonce::generate().unwrap();
        let cookie = NonceCookie::of("https://store.example");
        assert!(cookie.set(&nonce).starts_with("__Host-"));
        assert!(
            cookie
                .set(&nonce)
                .ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Strict; Secure")
        );
        let local = NonceCookie::of("http://localhost:8000");
        assert!(!local.set(&nonce).contains("Secure"));
    }
}
