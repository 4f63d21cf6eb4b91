//! Which objects an OpenAPI document is made of, which fields each has, and how to walk them.
//!
//! A field that is not in [`fields`] is unknown, and loading fails: a keyword that is silently
//! ignored here would be silently ignored by the server and the client too.

use serde_json::Value;

use crate::pointer;

/// The kinds of object in an OpenAPI document that this project uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    PathItem,
    Operation,
    ExternalDocs,
    Parameter,
    RequestBody,
    MediaType,
    Response,
    Header,
    Example,
    Tag,
    Components,
    Schema,
    Discriminator,
    SecurityScheme,
    OAuthFlows,
    OAuthFlow,
}

/// What stands under a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    /// A plain value that holds no further object of the document.
    Leaf,
    /// One object.
    One(Kind),
    /// A list of objects.
    Each(Kind),
    /// A map from names to objects.
    Named(Kind),
}

/// One object met on a walk.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its value; a schema may also be a boolean.
    pub value: &'a Value,
    /// The JSON pointer to it.
    pub pointer: String,
}

/// The methods a path item may have.
pub const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

const SCHEMA: &[(&str, Child)] = {
    use Child::{Each, Leaf, Named, One};
    &[
        ("$comment", Leaf),
        ("$ref", Leaf),
        ("additionalProperties", One(Kind::Schema)),
        ("allOf", Each(Kind::Schema)),
        ("anyOf", Each(Kind::Schema)),
        ("const", Leaf),
        ("contentEncoding", Leaf),
        ("contentMediaType", Leaf),
        ("default", Leaf),
        ("deprecated", Leaf),
        ("description", Leaf),
        ("discriminator", One(Kind::Discriminator)),
        ("enum", Leaf),
        ("example", Leaf),
        ("examples", Leaf),
        ("exclusiveMaximum", Leaf),
        ("exclusiveMinimum", Leaf),
        ("externalDocs", One(Kind::ExternalDocs)),
        ("format", Leaf),
        ("items", One(Kind::Schema)),
        ("maxItems", Leaf),
        ("maxLength", Leaf),
        ("maxProperties", Leaf),
        ("maximum", Leaf),
        ("minItems", Leaf),
        ("minLength", Leaf),
        ("minProperties", Leaf),
        ("minimum", Leaf),
        ("multipleOf", Leaf),
        ("not", One(Kind::Schema)),
        ("oneOf", Each(Kind::Schema)),
        ("pattern", Leaf),
        ("properties", Named(Kind::Schema)),
        ("readOnly", Leaf),
        ("required", Leaf),
        ("title", Leaf),
        ("type", Leaf),
        ("uniqueItems", Leaf),
        ("writeOnly", Leaf),
    ]
};

const OPERATION: &[(&str, Child)] = {
    use Child::{Each, Leaf, Named, One};
    &[
        ("deprecated", Leaf),
        ("description", Leaf),
        ("externalDocs", One(Kind::ExternalDocs)),
        ("operationId", Leaf),
        ("parameters", Each(Kind::Parameter)),
        ("requestBody", One(Kind::RequestBody)),
        ("responses", Named(Kind::Response)),
        ("security", Leaf),
        ("servers", Each(Kind::Server)),
        ("summary", Leaf),
        ("tags", Leaf),
    ]
};

/// The fields of an object of this kind.
pub(crate) fn fields(kind: Kind) -> &'static [(&'static str, Child)] {
    use Child::{Each, Leaf, Named, One};
    match kind {
        Kind::Document => &[
            ("openapi", Leaf),
            ("info", One(Kind::Info)),
            ("jsonSchemaDialect", Leaf),
            ("servers", Each(Kind::Server)),
            ("paths", Named(Kind::PathItem)),
            ("webhooks", Named(Kind::PathItem)),
            ("components", One(Kind::Components)),
            ("security", Leaf),
            ("tags", Each(Kind::Tag)),
            ("externalDocs", One(Kind::ExternalDocs)),
        ],
        Kind::Info => &[
            ("title", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("termsOfService", Leaf),
            ("contact", One(Kind::Contact)),
            ("license", One(Kind::License)),
            ("version", Leaf),
        ],
        Kind::Contact => &[("name", Leaf), ("url", Leaf), ("email", Leaf)],
        Kind::License => &[("name", Leaf), ("identifier", Leaf), ("url", Leaf)],
        Kind::Server => &[
            ("url", Leaf),
            ("description", Leaf),
            ("variables", Named(Kind::ServerVariable)),
        ],
        Kind::ServerVariable => &[("enum", Leaf), ("default", Leaf), ("description", Leaf)],
        Kind::PathItem => &[
            ("$ref", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("get", One(Kind::Operation)),
            ("put", One(Kind::Operation)),
            ("post", One(Kind::Operation)),
            ("delete", One(Kind::Operation)),
            ("options", One(Kind::Operation)),
            ("head", One(Kind::Operation)),
            ("patch", One(Kind::Operation)),
            ("trace", One(Kind::Operation)),
            ("servers", Each(Kind::Server)),
            ("parameters", Each(Kind::Parameter)),
        ],
        Kind::Operation => OPERATION,
        Kind::ExternalDocs => &[("description", Leaf), ("url", Leaf)],
        Kind::Parameter => &[
            ("$ref", Leaf),
            ("name", Leaf),
            ("in", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("required", Leaf),
            ("deprecated", Leaf),
            ("allowEmptyValue", Leaf),
            ("style", Leaf),
            ("explode", Leaf),
            ("schema", One(Kind::Schema)),
            ("example", Leaf),
            ("examples", Named(Kind::Example)),
        ],
        Kind::RequestBody => &[
            ("$ref", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("content", Named(Kind::MediaType)),
            ("required", Leaf),
        ],
        Kind::MediaType => &[
            ("schema", One(Kind::Schema)),
            ("example", Leaf),
            ("examples", Named(Kind::Example)),
        ],
        Kind::Response => &[
            ("$ref", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("headers", Named(Kind::Header)),
            ("content", Named(Kind::MediaType)),
        ],
        Kind::Header => &[
            ("$ref", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("required", Leaf),
            ("deprecated", Leaf),
            ("schema", One(Kind::Schema)),
            ("example", Leaf),
            ("examples", Named(Kind::Example)),
        ],
        Kind::Example => &[
            ("$ref", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("value", Leaf),
            ("externalValue", Leaf),
        ],
        Kind::Tag => &[
            ("name", Leaf),
            ("description", Leaf),
            ("externalDocs", One(Kind::ExternalDocs)),
        ],
        Kind::Components => &[
            ("schemas", Named(Kind::Schema)),
            ("responses", Named(Kind::Response)),
            ("parameters", Named(Kind::Parameter)),
            ("examples", Named(Kind::Example)),
            ("requestBodies", Named(Kind::RequestBody)),
            ("headers", Named(Kind::Header)),
            ("securitySchemes", Named(Kind::SecurityScheme)),
            ("pathItems", Named(Kind::PathItem)),
        ],
        Kind::Schema => SCHEMA,
        Kind::Discriminator => &[("propertyName", Leaf), ("mapping", Leaf)],
        Kind::SecurityScheme => &[
            ("$ref", Leaf),
            ("type", Leaf),
            ("summary", Leaf),
            ("description", Leaf),
            ("name", Leaf),
            ("in", Leaf),
            ("scheme", Leaf),
            ("bearerFormat", Leaf),
            ("flows", One(Kind::OAuthFlows)),
            ("openIdConnectUrl", Leaf),
        ],
        Kind::OAuthFlows => &[
            ("implicit", One(Kind::OAuthFlow)),
            ("password", One(Kind::OAuthFlow)),
            ("clientCredentials", One(Kind::OAuthFlow)),
            ("authorizationCode", One(Kind::OAuthFlow)),
        ],
        Kind::OAuthFlow => &[
            ("authorizationUrl", Leaf),
            ("tokenUrl", Leaf),
            ("refreshUrl", Leaf),
            ("scopes", Leaf),
        ],
    }
}

/// What stands under `key` in an object of `kind`; `None` for an unknown key.
///
/// Extensions (`x-…`) are known everywhere and are leaves.
pub(crate) fn child_of(kind: Kind, key: &str) -> Option<Child> {
    if key.starts_with("x-") {
        return Some(Child::Leaf);
    }
    fields(kind)
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, child)| *child)
}

/// Visits `document` and every object in it, parents first, in the document's order.
pub fn walk<'a>(document: &'a Value, visit: &mut dyn FnMut(&Node<'a>)) {
    walk_node(
        Node {
            kind: Kind::Document,
            value: document,
            pointer: String::new(),
        },
        visit,
    );
}

/// Visits one object and everything below it.
pub(crate) fn walk_node<'a>(node: Node<'a>, visit: &mut dyn FnMut(&Node<'a>)) {
    visit(&node);
    let Value::Object(members) = node.value else {
        return;
    };
    for (key, value) in members {
        let at = pointer::child(&node.pointer, key);
        match (child_of(node.kind, key), value) {
            (Some(Child::One(kind)), value) => {
                walk_node(
                    Node {
                        kind,
                        value,
                        pointer: at,
                    },
                    visit,
                );
            }
            (Some(Child::Each(kind)), Value::Array(list)) => {
                for (index, value) in list.iter().enumerate() {
                    let pointer = pointer::element(&at, index);
                    walk_node(
                        Node {
                            kind,
                            value,
                            pointer,
                        },
                        visit,
                    );
                }
            }
            (Some(Child::Named(kind)), Value::Object(map)) => {
                for (name, value) in map.iter().filter(|(name, _)| !name.starts_with("x-")) {
                    let pointer = pointer::child(&at, name);
                    walk_node(
                        Node {
                            kind,
                            value,
                            pointer,
                        },
                        visit,
                    );
                }
            }
            _ => {}
        }
    }
}

/// Changes `value` (an object of `kind`) and every object in it, children first.
pub(crate) fn transform<E>(
    value: &mut Value,
    kind: Kind,
    at: &str,
    change: &mut dyn FnMut(Kind, &mut Value, &str) -> Result<(), E>,
) -> Result<(), E> {
    if let Value::Object(members) = value {
        for (key, value) in members.iter_mut() {
            let at = pointer::child(at, key);
            match (child_of(kind, key), value) {
                (Some(Child::One(kind)), value) => transform(value, kind, &at, change)?,
                (Some(Child::Each(kind)), Value::Array(list)) => {
                    for (index, value) in list.iter_mut().enumerate() {
                        transform(value, kind, &pointer::element(&at, index), change)?;
                    }
                }
                (Some(Child::Named(kind)), Value::Object(map)) => {
                    for (name, value) in map.iter_mut().filter(|(name, _)| !name.starts_with("x-"))
                    {
                        transform(value, kind, &pointer::child(&at, name), change)?;
                    }
                }
                _ => {}
            }
        }
    }
    change(kind, value, at)
}
