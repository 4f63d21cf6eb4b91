//! The page that asks a person, and the page that says why it does not ask. No script, nothing from
//! elsewhere, one style that the policy knows by its hash.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::auth::Scope;

const STYLE: &str = include_str!("consent.css");

/// What the page says.
pub struct Consent<'a> {
    /// The application's name.
    pub application: &'a str,
    /// The GPT whose data it asks for.
    pub gpt_id: &'a str,
    /// What it asks for.
    pub scopes: Vec<Scope>,
    /// The only collections that it may see; `None`: all.
    pub collections: Option<Vec<&'a str>>,
    /// The host that the answer goes to.
    pub goes_to: &'a str,
    /// What the form carries.
    pub ticket: &'a str,
    /// What was wrong with the last try, in a sentence.
    pub fault: Option<&'a str>,
}

impl Consent<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let title = format!("Allow {}?", self.application);
        frame(
            &title,
            &html! {
                h1 { (self.application) " asks to use the store of " (self.gpt_id) }
                p.soft { "If you allow it, it can:" }
                ul {
                    @for scope in &self.scopes { li { (in_plain_words(*scope)) } }
                }
                @if let Some(collections) = &self.collections {
                    p.soft { "Only in the collections " (collections.join(", ")) "." }
                }
                // The address without its query: the ticket has all of it.
                form method="post" action="authorize" {
                    input type="hidden" name="ticket" value=(self.ticket);
                    (self.field())
                    div.choice {
                        button.allow type="submit" name="decision" value="allow" { "Allow" }
                        button type="submit" name="decision" value="cancel" formnovalidate { "Cancel" }
                    }
                }
                p.back { "Then you go back to " strong { (self.goes_to) } ". Cancel if you did not come from there." }
            },
        )
    }

    fn field(&self) -> Markup {
        let described = if self.fault.is_some() {
            "fault hint"
        } else {
            "hint"
        };
        html! {
            label for="key" { "API key of " (self.gpt_id) }
            p.hint #hint {
                "It begins with " code { "gos_" } " and proves that you may allow this. "
                (self.application) " does not get to see it, and gets no more than the key itself may do."
            }
            input #key type="password" name="key" required autocomplete="off" autocapitalize="none"
                spellcheck="false" autofocus[self.fault.is_some()]
                aria-invalid=[self.fault.map(|_| "true")] aria-describedby=(described);
            @if let Some(fault) = self.fault {
                p.wrong #fault role="alert" { (fault) }
            }
        }
    }
}

/// A page for a person whom we cannot send back, since it is not known where to.
#[must_use]
pub fn dead_end(title: &str, explanation: &str) -> String {
    frame(
        title,
        &html! {
            h1 { (title) }
            p { (explanation) }
            p.back { "You can close this page. Nothing was allowed." }
        },
    )
}

/// The policy of these pages: a style, and a form that is sent here and sends on to `origins`.
///
/// Chromium holds the redirects after a form to `form-action` too, each of them.
#[must_use]
pub fn policy(origins: &[String]) -> String {
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));
    let hash = &*STYLE_HASH;
    let mut to = String::from("'self'");
    for origin in origins {
        to.push(' ');
        to.push_str(origin);
    }
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action {to}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

fn frame(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " · GPT Object Store" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.product {
                        svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true" {
                            path d="M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3Zm0 0v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3";
                        }
                        "GPT Object Store"
                    }
                    (content)
                }
            }
        }
    };
    page.into_string()
}

fn in_plain_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Any => "See that it is signed in",
        Scope::ObjectsRead => "Read documents and collections",
        Scope::ObjectsWrite => "Create, change and delete documents and collections",
        Scope::StorageRead => "Read saved keys and values",
        Scope::StorageWrite => "Change and delete saved keys and values",
        Scope::FilesRead => "List and download files",
        Scope::FilesWrite => "Upload and delete files",
        Scope::Admin => "Operate the whole service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(application: &str, fault: Option<&str>) -> String {
        Consent {
            application,
            gpt_id: "my-gpt",
            scopes: vec![Scope::ObjectsRead],
            collections: Some(vec!["notes", "ideas"]),
            goes_to: "chatgpt.com",
            ticket: "1.2.3.4",
            fault,
        }
        .render()
    }

    #[test]
    fn what_others_wrote_is_text() {
        let page = page("<script>alert(1)</script>\" onfocus=\"x", None);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("\" onfocus"));
    }

    #[test]
    fn a_fault_is_shown_in_its_place_and_focused() {
        let fresh = page("Notes", None);
        assert!(!fresh.contains(" autofocus") && !fresh.contains("role=\"alert\""));
        let again = page("Notes", Some("The key was revoked."));
        assert!(again.contains(" autofocus"), "{again}");
        assert!(again.contains("aria-invalid=\"true\""));
        assert!(again.contains("aria-describedby=\"fault hint\""));
        assert!(again.contains("id=\"fault\" role=\"alert\">The key was revoked.<"));
    }

    #[test]
    fn the_policy_allows_the_style_and_no_more() {
        let policy = policy(&["https://chatgpt.com".to_owned()]);
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let expected =
            format!("style-src 'sha256-{hash}'; form-action 'self' https://chatgpt.com;");
        assert!(policy.contains(&expected), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
    }
}
