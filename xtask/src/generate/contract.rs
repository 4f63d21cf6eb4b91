//! The lowered document, prepared for the server generator: names chosen, bodies resolved.

use anyhow::{Context, Result, bail, ensure};
use gpt_object_store_openapi::{Location, Operation, Parameter, Plane, operations};
use proc_macro2::Ident;
use serde_json::Value;

use super::names::{joined, pascal, snake};
use super::schema::{Schemas, reference};
use super::streams::{Streamed, is_streamed, streamed};

/// The lowered document as the server generator sees it.
pub struct Contract<'a> {
    /// Whose document it is.
    pub plane: Plane,
    /// The document itself.
    pub document: &'a Value,
    /// Its component schemas.
    pub schemas: Schemas<'a>,
    /// Its operations.
    pub operations: Vec<Prepared>,
    in_requests: Vec<&'a str>,
    shared: Vec<&'a str>,
}

/// One operation with the names of what is made of it.
pub struct Prepared {
    /// As the document has it.
    pub operation: Operation,
    /// The method of the handler trait.
    pub method: Ident,
    /// The struct with everything that a handler gets.
    pub params: Ident,
    /// The enum of its answers.
    pub reply: Ident,
    /// Its parameters; path parameters first, in the template's order.
    pub parameters: Vec<Input>,
    /// Its request body, if it takes JSON.
    pub body: Option<Body>,
    /// Its request body, if it takes a form or bytes.
    pub streamed: Option<Streamed>,
}

/// One parameter with its names.
#[derive(Clone)]
pub struct Input {
    /// As the document has it.
    pub parameter: Parameter,
    /// Its schema.
    pub schema: Value,
    /// The type that describes it; shared by operations that mean the same parameter.
    pub marker: Ident,
    /// Its field in the params struct.
    pub field: Ident,
    /// Its place among the path parameters.
    pub index: usize,
}

/// A request body of JSON.
pub struct Body {
    /// The component it is.
    pub schema: String,
    /// Whether `application/merge-patch+json` is accepted too.
    pub is_merge_patch: bool,
    /// What the document says of it.
    pub description: Option<String>,
}

impl<'a> Contract<'a> {
    /// Prepares a lowered document. A component that `shared` has too is that one.
    pub fn new(plane: Plane, document: &'a Value, shared: Option<&'a Value>) -> Result<Self> {
        let schemas = Schemas::of(document)?;
        let shared = shared.map(|other| in_both(&schemas, other)).transpose()?;
        let all = operations(document);
        let prepared = all.iter().map(|operation| prepare(operation, &all));
        let operations = prepared.collect::<Result<Vec<_>>>()?;
        let mut bodies = Vec::new();
        for (name, _) in schemas.iter() {
            let is_body = |body: &Body| body.schema == name;
            if operations
                .iter()
                .filter_map(|one| one.body.as_ref())
                .any(is_body)
            {
                bodies.push(name);
            }
        }
        let in_requests = schemas.closure(bodies)?;
        Ok(Self {
            plane,
            document,
            schemas,
            operations,
            in_requests,
            shared: shared.unwrap_or_default(),
        })
    }

    /// Whether the component `name` is the one of the other document.
    pub fn is_shared(&self, name: &str) -> bool {
        self.shared.contains(&name)
    }

    /// Whether the component `name` is part of a request body.
    pub fn is_in_requests(&self, name: &str) -> bool {
        self.in_requests.contains(&name)
    }

    /// Whether the component `name` is a form.
    pub fn is_form(&self, name: &str) -> bool {
        let form = Streamed::Form(name.to_owned());
        let mut streamed = self
            .operations
            .iter()
            .filter_map(|one| one.streamed.as_ref());
        streamed.any(|streamed| *streamed == form)
    }

    /// Every parameter once, in the order of markers.
    pub fn parameters(&self) -> Vec<&Input> {
        let mut inputs: Vec<_> = self
            .operations
            .iter()
            .flat_map(|operation| &operation.parameters)
            .collect();
        inputs.sort_by(|a, b| a.marker.cmp(&b.marker));
        inputs.dedup_by(|a, b| a.marker == b.marker);
        inputs
    }

    /// The tags that operations have, in the document's order, with their descriptions.
    pub fn tags(&self) -> Vec<(String, String)> {
        let declared = self.document.get("tags").and_then(Value::as_array);
        let text = |tag: &Value, key| {
            tag.get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let tags = declared.into_iter().flatten();
        tags.map(|tag| (text(tag, "name"), text(tag, "description")))
            .collect()
    }
}

/// The components that `other` has too. They must say the same, or one name would mean two things.
fn in_both<'a>(schemas: &Schemas<'a>, other: &Value) -> Result<Vec<&'a str>> {
    let theirs = Schemas::of(other)?;
    let mut shared = Vec::new();
    for (name, schema) in schemas.iter() {
        if let Ok(same) = theirs.get(name) {
            ensure!(
                same == schema,
                "/components/schemas/{name}: is not the same as in {}: make it so, or give it \
                 another name",
                super::document_of(Plane::Data)
            );
            shared.push(name);
        }
    }
    Ok(shared)
}

fn prepare(operation: &Operation, all: &[Operation]) -> Result<Prepared> {
    let id = operation.operation_id.as_str();
    let mut parameters = Vec::new();
    for parameter in &operation.parameters {
        parameters.push(input(operation, parameter, all)?);
    }
    parameters.sort_by_key(|input: &Input| match input.parameter.location {
        Location::Path => (0, input.index),
        Location::Query => (1, 0),
        Location::Header | Location::Cookie => (2, 0),
    });
    Ok(Prepared {
        method: snake(id),
        params: joined(id, "params"),
        reply: joined(id, "reply"),
        parameters,
        body: body(operation).with_context(|| format!("the request body of {id}"))?,
        streamed: streamed(operation).with_context(|| format!("the request body of {id}"))?,
        operation: operation.clone(),
    })
}

fn input(operation: &Operation, parameter: &Parameter, all: &[Operation]) -> Result<Input> {
    let id = &operation.operation_id;
    let name = &parameter.name;
    let suffixed = match parameter.location {
        Location::Header => format!("{name}_header"),
        Location::Path | Location::Query => name.clone(),
        Location::Cookie => bail!("{id}: cookie parameters are not made; use a header or query"),
    };
    let template = operation
        .path
        .split('/')
        .filter(|segment| segment.starts_with('{'));
    let place = template
        .clone()
        .position(|segment| segment == format!("{{{name}}}"));
    ensure!(
        place.is_some() || parameter.location != Location::Path,
        "{id}: the path {} has no segment {{{name}}}",
        operation.path
    );
    let same_name = |other: &&Parameter| {
        pascal(&other.name) == pascal(name)
            && (other.location == Location::Header) == (parameter.location == Location::Header)
    };
    let mut others = all
        .iter()
        .flat_map(|operation| &operation.parameters)
        .filter(same_name);
    let is_shared = others.all(|other| is_same(other, parameter));
    let twins = operation
        .parameters
        .iter()
        .filter(|other| snake(&other.name) == snake(name));
    let collides = twins.count() > 1 && parameter.location == Location::Header;
    Ok(Input {
        marker: if is_shared {
            pascal(&suffixed)
        } else {
            joined(id, &suffixed)
        },
        field: if collides {
            snake(&suffixed)
        } else {
            snake(name)
        },
        index: place.unwrap_or(0),
        schema: parameter.schema.clone(),
        parameter: parameter.clone(),
    })
}

fn is_same(one: &Parameter, other: &Parameter) -> bool {
    (&one.name, one.location, one.required, &one.schema)
        == (&other.name, other.location, other.required, &other.schema)
}

fn body(operation: &Operation) -> Result<Option<Body>> {
    let Some(body) = &operation.request_body else {
        return Ok(None);
    };
    let content = body
        .get("content")
        .and_then(Value::as_object)
        .context("has no content")?;
    let mut schema = None;
    for (media_type, media) in content.iter().filter(|(name, _)| !is_streamed(name)) {
        ensure!(
            ["application/json", "application/merge-patch+json"].contains(&media_type.as_str()),
            "`{media_type}` is not made: use application/json, application/merge-patch+json, \
             multipart/form-data, application/octet-stream or application/x-ndjson"
        );
        let name = media
            .get("schema")
            .and_then(reference)
            .context("must be a component")?;
        ensure!(
            schema.is_none_or(|schema| schema == name),
            "all media types must have the same schema"
        );
        schema = Some(name);
    }
    let Some(schema) = schema else {
        return Ok(None);
    };
    Ok(Some(Body {
        schema: schema.to_owned(),
        is_merge_patch: content.contains_key("application/merge-patch+json"),
        description: body
            .get("description")
            .and_then(Value::as_str)
            .map(str::to_owned),
    }))
}
