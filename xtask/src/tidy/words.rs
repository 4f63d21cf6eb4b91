//! A source file as its words: identifiers, punctuation and brackets, without comments and texts.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// One word and the line it stands on, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub line: usize,
}

/// The words of a source file in order.
///
/// # Errors
/// When `source` is not made of Rust's tokens.
pub fn words(source: &str) -> Result<Vec<Word>> {
    let tokens: TokenStream = source.parse().map_err(|error| anyhow!("{error}"))?;
    let mut words = Vec::new();
    collect(tokens, &mut words);
    Ok(words)
}

/// The words outside every `#[cfg(test)] mod … { … }`.
pub fn without_tests(words: &[Word]) -> Vec<Word> {
    let mut kept = Vec::new();
    let mut index = 0;
    while index < words.len() {
        if let Some(length) = test_module_length(&words[index..]) {
            index += length;
        } else {
            kept.push(words[index].clone());
            index += 1;
        }
    }
    kept
}

/// The first name of every path that leads through `crate` or `super`, with its line: `store` in
/// `use crate::{store::Store, …}` and in `super::super::store::Store`.
pub fn modules_named(words: &[Word]) -> Vec<Word> {
    let mut modules = Vec::new();
    for index in 0..words.len() {
        if let [root, one, two, next, ..] = &words[index..]
            && matches!(root.text.as_str(), "crate" | "super")
            && (one.text.as_str(), two.text.as_str()) == (":", ":")
        {
            match next.text.as_str() {
                "super" => {}
                "{" => modules.extend(heads_of_group(&words[index + 4..])),
                _ => modules.push(next.clone()),
            }
        }
    }
    modules
}

/// The first word of each item of a `use` group whose opening brace stands before `words`.
fn heads_of_group(words: &[Word]) -> Vec<Word> {
    let mut heads = Vec::new();
    let mut depth = 0_usize;
    let mut at_head = true;
    for word in words {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 0 => break,
            "}" => depth -= 1,
            "," if depth == 0 => at_head = true,
            _ if at_head => {
                heads.push(word.clone());
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

/// How many words the test module takes that `words` begin with, if they do.
fn test_module_length(words: &[Word]) -> Option<usize> {
    let texts = words
        .iter()
        .take(9)
        .map(|word| word.text.as_str())
        .collect::<Vec<_>>();
    let ["#", "[", "cfg", "(", "test", ")", "]", "mod", _] = texts[..] else {
        return None;
    };
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(9) {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return Some(index + 1),
            "}" => depth -= 1,
            ";" if depth == 0 => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn collect(tokens: TokenStream, words: &mut Vec<Word>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => push(words, ident.to_string(), ident.span()),
            TokenTree::Punct(punct) => push(words, punct.as_char().to_string(), punct.span()),
            TokenTree::Literal(_) => {}
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                push(words, open.to_owned(), group.span_open());
                collect(group.stream(), words);
                push(words, close.to_owned(), group.span_close());
            }
        }
    }
}

fn push(words: &mut Vec<Word>, text: String, span: Span) {
    if !text.is_empty() {
        words.push(Word {
            text,
            line: span.start().line,
        });
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        let found = modules_named(&words(source).unwrap());
        found.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn paths_name_their_first_module() {
        assert_eq!(names("use crate::store::Store;"), ["store"]);
        assert_eq!(
            names("use crate::{api::{self, x}, store};"),
            ["api", "store"]
        );
        assert_eq!(
            names("fn f() -> super::super::store::Row { crate::ids::f() }"),
            ["store", "ids"]
        );
        assert!(names("use other::store; let store = 1;").is_empty());
    }

    #[test]
    fn test_modules_are_left_out() {
        let all =
            words("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { { } } }\nfn c() {}").unwrap();
        let kept = without_tests(&all);
        let texts: String = kept.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, "fna(){}fnc(){}");
        assert_eq!(kept.last().map(|word| word.line), Some(4));
    }

    #[test]
    fn a_test_module_in_its_own_file_is_left_out() {
        let all = words("#[cfg(test)] mod tests; fn c() {}").unwrap();
        assert_eq!(
            without_tests(&all).first().map(|word| word.text.as_str()),
            Some("fn")
        );
    }
}
