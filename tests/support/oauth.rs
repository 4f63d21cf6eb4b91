//! An application that asks for tokens, and the person who lets it, as actors.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gpt_object_store::auth::ClientSecret;
use gpt_object_store::service::IssuedApplication;
use reqwest::{Method, Url};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::actor::Gpt;
use super::answer::Answer;
use super::http::{Call, Http};

/// Where the answers of most tests go.
pub const REDIRECT_URI: &str = "https://client.example/callback";
const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters of a request, which tests change one by one.
#[derive(Clone, Debug)]
pub struct Form(Vec<(String, String)>);

/// An application of a GPT.
#[derive(Clone, Debug)]
pub struct Application {
    http: Http,
    gpt: Gpt,
    pub client_id: String,
    /// None for a public one.
    pub secret: Option<String>,
}

/// The consent page, as a browser has it.
pub struct Page {
    pub answer: Answer,
    pub ticket: String,
    /// What the browser sends with the form.
    pub cookie: String,
}

impl Form {
    pub fn new<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.map(owned).into())
    }

    /// With the parameter `name`, in place of another.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.and(name, value)
    }

    /// With the parameter `name`, beside another.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub fn encode(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&self.0).finish()
    }
}

/// The S256 challenge for `verifier`.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// What `answer` sends a browser back with.
#[track_caller]
pub fn sent_back(answer: &Answer) -> Url {
    assert_eq!(answer.status(), 303, "{answer}");
    answer.header("location").unwrap().parse().unwrap()
}

/// The parameter `name` of an answer that a browser is sent back with.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find_map(|(known, value)| (known == name).then(|| value.into_owned()))
}

impl Application {
    /// The application that was just registered for `gpt`.
    pub fn new(http: Http, gpt: Gpt, issued: &IssuedApplication) -> Self {
        let secret = issued.secret.as_ref().map(ClientSecret::reveal);
        Self::with_secret(http, gpt, &issued.row.client_id, secret)
    }

    /// An application of `gpt` that is known by its id and secret.
    pub fn with_secret(http: Http, gpt: Gpt, client_id: &str, secret: Option<&str>) -> Self {
        Self {
            http,
            gpt,
            client_id: client_id.to_owned(),
            secret: secret.map(str::to_owned),
        }
    }

    /// What it sends a person with, without PKCE.
    pub fn request(&self) -> Form {
        Form::new([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", REDIRECT_URI),
            ("state", "a state & more"),
        ])
    }

    /// What it sends a person with who may be on a device that others read.
    pub fn request_with(&self, verifier: &str) -> Form {
        self.request()
            .with("code_challenge", &challenge(verifier))
            .with("code_challenge_method", "S256")
    }

    /// Opens the address that a person is sent to.
    pub async fn authorize(&self, request: &Form) -> Answer {
        let path = format!("/oauth/authorize?{}", request.encode());
        self.http.call(Method::GET, path).await
    }

    /// The page that the person sees.
    pub async fn page(&self, request: &Form) -> Page {
        let answer = self.authorize(request).await.expect(200);
        let (_, rest) = answer
            .text()
            .split_once("name=\"ticket\" value=\"")
            .unwrap();
        let ticket = rest.split('"').next().unwrap().to_owned();
        let cookie = answer.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Page {
            answer,
            ticket,
            cookie,
        }
    }

    /// The form of `page`, as a browser sends it.
    pub fn decide(&self, page: &Page, decision: &str, key: &str) -> Call {
        let form = Form::new([
            ("ticket", &page.ticket),
            ("decision", decision),
            ("key", key),
        ]);
        self.post("/oauth/authorize", &form)
            .header("cookie", &page.cookie)
            .header("origin", "null")
            .header("sec-fetch-site", "same-origin")
    }

    /// What a person with the GPT's key sends the application.
    pub async fn code(&self, request: &Form) -> String {
        let page = self.page(request).await;
        let answer = self.decide(&page, "allow", self.gpt.key()).await;
        parameter(&sent_back(&answer), "code").unwrap()
    }

    /// A form, whoever sends it.
    pub fn post(&self, path: &str, form: &Form) -> Call {
        self.http
            .call(Method::POST, path)
            .header("content-type", FORM)
            .bytes(form.encode())
    }

    /// A request for tokens, with the secret in the form.
    pub fn token(&self, form: &Form) -> Call {
        self.post("/oauth/token", &self.shown(form))
    }

    /// `form` with who the application is, and its secret.
    pub fn shown(&self, form: &Form) -> Form {
        let form = form.clone().with("client_id", &self.client_id);
        match &self.secret {
            None => form,
            Some(secret) => form.with("client_secret", secret),
        }
    }

    /// The header of `client_secret_basic`.
    pub fn basic(&self) -> String {
        let secret = self.secret.as_deref().unwrap_or_default();
        let pair = format!("{}:{secret}", self.client_id);
        format!("Basic {}", STANDARD.encode(pair))
    }

    /// What exchanges `code`.
    pub fn exchange(&self, code: &str) -> Form {
        Form::new([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
        ])
    }

    /// What renews a session.
    pub fn refresh(&self, token: &str) -> Form {
        Form::new([("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The tokens of a new session.
    pub async fn tokens(&self) -> Answer {
        let code = self.code(&self.request()).await;
        self.token(&self.exchange(&code)).await.expect(200)
    }

    /// The status of a call with an access token that any may make.
    pub async fn status(&self, access_token: &str) -> u16 {
        self.gpt.with_key(access_token).get_limits().await.status()
    }
}
