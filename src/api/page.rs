//! The frame of the few pages that people read in a browser. No script, nothing from elsewhere.

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;\
padding:0 1rem;color:#1a1c1f;background:#fff}h1{font-size:1.6rem;margin-bottom:.5rem}code{font:.9em \
ui-monospace,monospace;background:#f0f2f4;padding:.1em .3em;border-radius:4px}table{border-collapse:\
collapse}td,th{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;border-bottom:1px solid \
#dde1e5}a{color:#0b57d0}.status{color:#5a6169}header{color:#5a6169;font-size:.9rem}\
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15171a}code{background:#25292e}\
td,th{border-color:#33383e}a{color:#8ab4f8}}";

/// A whole page; `title` is text, `content` is HTML.
#[must_use]
pub fn render(title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title} · GPT Object Store</title>\
         <style>{STYLE}</style></head><body><header>GPT Object Store</header><h1>{title}</h1>\
         {content}</body></html>"
    )
}

/// `text` with what HTML would read as markup escaped; back-quoted words become code.
#[must_use]
pub fn escape(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let mut html = String::with_capacity(escaped.len());
    for (index, part) in escaped.split('`').enumerate() {
        if index > 0 {
            html.push_str(if index % 2 == 1 { "<code>" } else { "</code>" });
        }
        html.push_str(part);
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_markup_and_marks_code() {
        assert_eq!(
            escape("a `<b>` & \"c\""),
            "a <code>&lt;b&gt;</code> &amp; &quot;c&quot;"
        );
    }
}
