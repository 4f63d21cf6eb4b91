//! What a generated file imports: of the names that it may need, those that it has.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

/// Those of `names` that stand somewhere in `tokens`.
pub fn used(names: &[&str], tokens: &TokenStream) -> Vec<Ident> {
    let named = names.iter().filter(|name| stands_in(name, tokens));
    named
        .map(|name| Ident::new(name, Span::call_site()))
        .collect()
}

fn stands_in(name: &str, tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => stands_in(name, &group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
