//! From the document's names to Rust's.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// The name of a type or variant.
pub fn pascal(name: &str) -> Ident {
    let pascal = name.to_upper_camel_case();
    let starts_with_digit = pascal.starts_with(|first: char| first.is_ascii_digit());
    Ident::new(
        &if starts_with_digit {
            format!("N{pascal}")
        } else {
            pascal
        },
        Span::call_site(),
    )
}

/// The name of a field, argument or function.
pub fn snake(name: &str) -> Ident {
    let snake = name.to_snake_case();
    match snake.as_str() {
        "self" | "super" | "crate" => Ident::new(&format!("{snake}_"), Span::call_site()),
        _ => syn::parse_str(&snake).unwrap_or_else(|_| Ident::new_raw(&snake, Span::call_site())),
    }
}

/// The name of a constant.
pub fn shouty(name: &str) -> Ident {
    Ident::new(&name.to_shouty_snake_case(), Span::call_site())
}

/// `first` and `second` as one name of a type.
pub fn joined(first: &str, second: &str) -> Ident {
    pascal(&format!("{first}_{second}"))
}
