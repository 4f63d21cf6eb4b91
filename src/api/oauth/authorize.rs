//! The authorization endpoint (RFC 6749, 3.1): asks a person, in a browser, and sends the answer to
//! the application.

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use url::form_urlencoded;

use super::consent_page::{Consent, dead_end, policy};
use super::failure::Failure;
use super::origin;
use super::parameters::Parameters;
use super::ticket::Nonce;
use super::{AUTHORIZE, AuthorizationServer};
use crate::api::edge::{Behalf, Call};
use crate::auth::ApiKey;
use crate::clock::Timestamp;
use crate::error::{Error, Unauthorized, chain};
use crate::ids::CollectionName;
use crate::service::oauth::{Asked, AuthorizationRequest, DeadEnd, Refusal, RefusalCode, Stop};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a person is told when a page comes from anywhere but here.
const NOT_OURS: &str = "This answer did not come from the page that was shown to you. Go back to the application and start again.";
const TOO_LATE: &str = "The page waited too long. Enter the key again.";
const OUR_FAULT: &str = "This cannot be done right now. Try again in a moment.";

impl AuthorizationServer {
    /// GET: shows the page, or says why not.
    pub(super) async fn ask(&self, request: Request) -> Response {
        let query = request.uri().query().unwrap_or_default();
        let parameters = Parameters::of_form(query.as_bytes());
        match self.oauth.consider(asked_by(&parameters)).await {
            Ok(asked) => self.show(&request, &parameters, &asked, None),
            Err(stop) => self.stop(&parameters, stop),
        }
    }

    /// POST: what the person decided.
    pub(super) async fn decide(&self, request: Request) -> Response {
        if !self.is_from_here(&request) {
            return page_for_nobody(StatusCode::FORBIDDEN, NOT_OURS);
        }
        let (request, form) = match Parameters::of_body(request).await {
            Ok(read) => read,
            Err(Failure::Problem(problem)) => return problem.into_response(),
            Err(Failure::Refused(_)) => return page_for_nobody(StatusCode::BAD_REQUEST, NOT_OURS),
        };
        let nonce = self.cookie.read(&request);
        let ticket = form.get("ticket").unwrap_or_default();
        let Some(opened) = self.tickets.open(ticket, nonce.as_ref(), Timestamp::now()) else {
            return page_for_nobody(StatusCode::BAD_REQUEST, NOT_OURS);
        };
        let parameters = opened.parameters;
        // The application may have been changed or revoked meanwhile.
        let asked = match self.oauth.consider(asked_by(&parameters)).await {
            Ok(asked) => asked,
            Err(stop) => return self.stop(&parameters, stop),
        };
        let again =
            |status, fault: &str| self.show(&request, &parameters, &asked, Some((status, fault)));
        match form.get("decision") {
            _ if opened.is_stale => again(StatusCode::BAD_REQUEST, TOO_LATE),
            Some("allow") => {
                let key = form.get("key").unwrap_or_default().trim();
                match self.allow(&request, &asked, key).await {
                    Ok(code) => self.send_back(&parameters, &[("code", &code)]),
                    Err((status, fault)) => again(status, &fault),
                }
            }
            _ => {
                let refusal = Refusal::new(RefusalCode::AccessDenied, "The person said no.");
                self.stop(&parameters, refusal.into())
            }
        }
    }

    /// The code for what was asked, if `key` may grant it; else what to tell the person.
    async fn allow(
        &self,
        request: &Request,
        asked: &Asked,
        key: &str,
    ) -> Result<String, (StatusCode, String)> {
        let call = Call::of(request);
        let granted = async {
            // The authenticator would take a token, too; a token must not beget others.
            if ApiKey::parse(key).is_none() {
                return Err(Error::Unauthorized(Unauthorized::Malformed));
            }
            let principal = self.authenticator.verify(key).await?;
            let code = self.oauth.consent(asked, &principal).await?;
            let application_id = Some(asked.application().client_id.clone());
            let behalf = Behalf {
                application_id,
                ..Behalf::of(&principal)
            };
            call.note(&AUTHORIZE, behalf);
            Ok(code.reveal().to_owned())
        };
        match granted.await {
            Ok(code) => Ok(code),
            Err(Error::Unauthorized(why)) => Err(self.refuse(&call, key, why).await),
            Err(Error::Forbidden(why)) => Err((StatusCode::FORBIDDEN, why)),
            Err(error) => Err((unavailable(&error), OUR_FAULT.to_owned())),
        }
    }

    /// What to tell a person whose key was refused. It counts as any wrong key does.
    async fn refuse(&self, call: &Call, key: &str, why: Unauthorized) -> (StatusCode, String) {
        let problem = call.refuse(why).await;
        if let Some(seconds) = problem.retry_after() {
            let text = format!(
                "Too many wrong keys came from your address. Try again in {seconds} seconds."
            );
            return (problem.status(), text);
        }
        let text = match why {
            _ if key.is_empty() => "Enter the key.",
            Unauthorized::Revoked => "This key was revoked.",
            Unauthorized::Expired => "This key has expired.",
            Unauthorized::Unknown => "This key is not known here.",
            _ => "This is not a key of this service. Check that it was copied whole.",
        };
        (StatusCode::FORBIDDEN, text.to_owned())
    }

    /// The page that asks, which says what was wrong with the last try.
    fn show(
        &self,
        request: &Request,
        parameters: &Parameters,
        asked: &Asked,
        fault: Option<(StatusCode, &str)>,
    ) -> Response {
        // A browser with two of these pages open has one nonce.
        let nonce = match self.cookie.read(request).map_or_else(Nonce::generate, Ok) {
            Ok(nonce) => nonce,
            Err(error) => return page_for_nobody(unavailable(&error), OUR_FAULT),
        };
        let application = asked.application();
        let ticket = self.tickets.issue(parameters, &nonce, Timestamp::now());
        let collections = application.collections.as_ref();
        let html = Consent {
            application: &application.name,
            gpt_id: application.gpt_id.as_str(),
            scopes: asked.scopes().iter().collect(),
            collections: collections
                .map(|names| names.iter().map(CollectionName::as_str).collect()),
            goes_to: &origin::host(asked.redirect_uri()).unwrap_or_default(),
            ticket: &ticket,
            fault: fault.map(|(_, text)| text),
        }
        .render();
        // Not only this one: a callback often sends on to another of its hosts, and browsers hold
        // that, too, to what the policy says of forms.
        let mut sources: Vec<_> = application
            .redirect_uris
            .iter()
            .filter_map(|uri| origin::source(uri))
            .collect();
        sources.extend(origin::source(asked.redirect_uri()));
        sources.sort_unstable();
        sources.dedup();
        let status = fault.map_or(StatusCode::OK, |(status, _)| status);
        let mut response = page(status, html, &sources);
        if let Ok(cookie) = HeaderValue::try_from(self.cookie.set(&nonce)) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }

    fn stop(&self, parameters: &Parameters, stop: Stop) -> Response {
        match stop {
            Stop::Here(DeadEnd::UnknownClient) => page_for_nobody(
                StatusCode::BAD_REQUEST,
                "The application that sent you here is not known, or no longer.",
            ),
            Stop::Here(DeadEnd::UnregisteredRedirect) => page_for_nobody(
                StatusCode::BAD_REQUEST,
                "The application that sent you here wants the answer at an address that is not \
                 registered for it. Its operator can register it: the redirect URI has to be the \
                 same, character by character.",
            ),
            Stop::Back(refusal) => {
                let error = refusal.code.as_str();
                let description = refusal.description.as_str();
                let answer = [("error", error), ("error_description", description)];
                self.send_back(parameters, &answer)
            }
            Stop::Failed(error) => page_for_nobody(unavailable(&error), OUR_FAULT),
        }
    }

    /// Sends the browser to the application with `answer`, the state that it sent, and who answers
    /// (RFC 9207). With 303 the form, and the key in it, stays here (RFC 9700, 4.12).
    fn send_back(&self, parameters: &Parameters, answer: &[(&str, &str)]) -> Response {
        let uri = parameters.get("redirect_uri").unwrap_or_default();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer);
        if let Some(state) = parameters.get("state") {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.public_url);
        // The rest of the URI stays as it was registered, character by character.
        let separator = if uri.contains('?') { '&' } else { '?' };
        let location = format!("{uri}{separator}{}", query.finish());
        let mut response = Response::builder()
            .status(StatusCode::SEE_OTHER)
            .header(header::LOCATION, location)
            .finish();
        protect(response.headers_mut());
        response
    }

    /// Whether a browser says that the form is sent by a page of ours. One that says nothing is old;
    /// then the cookie must do. A page without a referrer has the origin `null`.
    fn is_from_here(&self, request: &Request) -> bool {
        if request.headers().contains_key(FETCH_SITE) {
            let mut sites = request.headers().get_all(FETCH_SITE).iter();
            return sites.all(|site| site == "same-origin");
        }
        let Some(sent) = request.headers().get(header::ORIGIN) else {
            return true;
        };
        sent == "null" || origin::of(&self.public_url).is_some_and(|ours| *sent == *ours)
    }
}

fn asked_by(parameters: &Parameters) -> AuthorizationRequest<'_> {
    let get = |name| parameters.get(name);
    AuthorizationRequest {
        client_id: get("client_id"),
        redirect_uri: get("redirect_uri"),
        response_type: get("response_type"),
        response_mode: get("response_mode"),
        scope: get("scope"),
        code_challenge: get("code_challenge"),
        code_challenge_method: get("code_challenge_method"),
        resources: parameters.resources(),
        has_request_object: get("request").or(get("request_uri")).is_some(),
        repeated: parameters.repeated(),
    }
}

/// Logs what went wrong, which the person is not told, and gives the status to answer.
fn unavailable(error: &Error) -> StatusCode {
    let cause = chain(error);
    tracing::error!(cause, "authorization failed");
    match error {
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A page that sends nobody anywhere.
fn page_for_nobody(status: StatusCode, explanation: &str) -> Response {
    page(status, dead_end("This cannot go on", explanation), &[])
}

fn page(status: StatusCode, html: String, origins: &[String]) -> Response {
    let mut response = Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy(origins))
        .body(html);
    protect(response.headers_mut());
    response
}

/// Keeps an answer out of frames, caches and the referrer: its address has a code, or leads to one.
fn protect(headers: &mut poem::http::HeaderMap) {
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}
