//! What the generators make of the contract, of changed contracts, and of what they cannot make.

use std::fs;
use std::path::Path;

use gpt_object_store_openapi::{GPT_OBJECT_STORE_YAML, Plane};
use tempfile::TempDir;

use super::{document_of, run};

/// A repository that holds nothing but the documents, the callers' one being `yaml`.
fn repository(yaml: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), Plane::Operator, Plane::Operator.yaml());
    write(root.path(), Plane::Data, yaml);
    root
}

fn write(root: &Path, plane: Plane, yaml: &str) {
    let path = root.join(document_of(plane));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, yaml).unwrap();
}

/// The contract with `from` replaced by `to`, wherever it stands.
fn contract(from: &str, to: &str) -> String {
    assert!(
        GPT_OBJECT_STORE_YAML.contains(from),
        "the contract has no {from:?}"
    );
    GPT_OBJECT_STORE_YAML.replace(from, to)
}

fn generated(root: &Path, file: &str) -> String {
    fs::read_to_string(root.join(file)).unwrap()
}

/// Why the contract, changed so, is refused.
fn refusal(from: &str, to: &str) -> String {
    let root = repository(&contract(from, to));
    format!("{:#}", run(root.path(), false).unwrap_err())
}

#[test]
fn what_was_just_generated_passes_the_check() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    run(root.path(), true).unwrap();
}

#[test]
fn campaign_the_check_names_each_file_that_was_edited_or_is_missing() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let types = root.path().join("src/api/generated/types.rs");
    fs::write(
        &types,
        generated(root.path(), "src/api/generated/types.rs") + "\n",
    )
    .unwrap();
    fs::remove_file(root.path().join("client/src/generated.rs")).unwrap();
    let sentences = run(root.path(), true).unwrap_err().to_string();
    let expected = ["src/api/generated/types.rs", "client/src/generated.rs"].map(|file| {
        format!(
            "{file} differs from what openapi/gpt-object-store.yaml makes: run `cargo xtask \
             generate` and commit the result"
        )
    });
    assert_eq!(sentences, expected.join("\n"));
}

#[test]
fn campaign_each_kind_of_drift_in_the_document_fails_the_check() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let limit = contract("            maximum: 200\n", "            maximum: 100\n");
    let parameter = contract("        - name: filter\n", "        - name: containing\n");
    let status = contract("        '201':\n", "        '202':\n");
    let operation = contract(
        "      operationId: get_limits\n",
        "      operationId: show_limits\n",
    );
    for changed in [limit, parameter, status, operation] {
        write(root.path(), Plane::Data, &changed);
        let sentences = run(root.path(), true).unwrap_err().to_string();
        assert!(
            sentences.contains("run `cargo xtask generate`"),
            "{sentences}"
        );
    }
}

#[test]
fn path_parameters_are_bound_by_name() {
    let template = "/v1/gpts/{gpt_id}/collections/{name}:";
    let root = repository(&contract(template, "/v1/gpts/{name}/collections/{gpt_id}:"));
    run(root.path(), false).unwrap();
    let routes = generated(root.path(), "src/api/generated/routes.rs");
    assert!(
        routes.contains("name: Path<parameters::Name, 0usize>"),
        "{routes}"
    );
    assert!(
        routes.contains("gpt_id: Path<parameters::GptId, 1usize>"),
        "{routes}"
    );
}

#[test]
fn every_finding_is_printed() {
    let summary = "summary: Create or update a collection";
    let text = contract(summary, "summary: ''").replace("title: GPT Object Store", "title: ''");
    let root = repository(&text);
    let error = run(root.path(), false).unwrap_err().to_string();
    assert!(
        error.starts_with("openapi/gpt-object-store.yaml breaks 2 rules:"),
        "{error}"
    );
    assert!(error.contains("/info: state `title`"), "{error}");
    assert!(
        error.contains("collections/post/summary: write a summary"),
        "{error}"
    );
}

#[test]
fn what_is_not_enforced_is_refused() {
    let error = refusal("          minItems: 1\n", "          uniqueItems: true\n");
    assert!(
        error.contains("no check is made for `uniqueItems`"),
        "{error}"
    );
    let error = refusal("{0,63}$'", "{0,63$('");
    assert!(error.contains("is not a regular expression"), "{error}");
    let error = refusal("            default: 50\n", "            default: many\n");
    assert!(
        error.contains("the default \"many\" of `limit` does not fit"),
        "{error}"
    );
}

#[test]
fn a_document_that_does_not_load_says_where() {
    let error = refusal("operationId: get_limits", "operationID: get_limits");
    assert!(
        error.contains("/paths/~1v1~1limits/get/operationID: `operationID` is not"),
        "{error}"
    );
}

/// serde buffers through its own value for these, where numbers lose digits or, with serde_json's
/// arbitrary precision, do not parse at all.
#[test]
fn the_client_has_no_flattened_or_untagged_types() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let client = generated(root.path(), "client/src/generated.rs");
    assert!(!client.contains("flatten") && !client.contains("untagged"));
}

#[test]
fn a_form_becomes_its_text_fields_and_the_name_of_its_file() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let types = generated(root.path(), "src/api/generated/types.rs");
    let (_, form) = types.split_once("pub struct CreateFileForm {").unwrap();
    let (fields, rest) = form.split_once("}\n").unwrap();
    assert!(fields.contains("pub purpose: Option<String>,"), "{fields}");
    assert!(
        fields.contains("pub expires_after_seconds: Option<i64>,"),
        "{fields}"
    );
    assert!(!fields.contains("pub file:"), "{fields}");
    assert!(rest.contains("const FILE: &'static str = \"file\";"));
    assert!(rest.contains("const REQUIRED: &'static [&'static str] = &[\"purpose\"];"));
}

#[test]
fn each_kind_of_body_has_its_extractor() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let routes = generated(root.path(), "src/api/generated/routes.rs");
    for body in [
        "body: JsonBody<types::CreateUploadRequest>",
        "body: MergePatchBody<types::PatchObjectRequest>",
        "body: JsonOrFormBody<types::CreateFileRequest, types::CreateFileForm>",
        "body: FormBody<types::UploadPartForm>",
        "body: BytesBody",
    ] {
        assert!(routes.contains(body), "{body}");
    }
    let operations = generated(root.path(), "src/api/generated/operations.rs");
    let (_, choice) = operations.split_once("pub enum CreateFileBody {").unwrap();
    assert!(choice.contains("Json(types::CreateFileRequest),"));
    assert!(choice.contains("Form(wire::Form<types::CreateFileForm>),"));
    let (_, reply) = operations
        .split_once("pub enum GetFileContentReply {")
        .unwrap();
    let (reply, _) = reply.split_once("impl From<Problem>").unwrap();
    assert_eq!(reply.matches("body: wire::Download,").count(), 2, "{reply}");
}

#[test]
fn the_client_has_every_operation_but_those_that_take_only_a_form() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let client = generated(root.path(), "client/src/generated.rs");
    let document = gpt_object_store_openapi::load(GPT_OBJECT_STORE_YAML).unwrap();
    let has = |id: &str| client.contains(&format!("pub fn {id}(&self)"));
    let missing: Vec<_> = document
        .operations()
        .into_iter()
        .map(|operation| operation.operation_id)
        .filter(|id| !has(id))
        .collect();
    assert_eq!(missing, ["add_upload_part"]);
}

#[test]
fn beside_a_form_there_is_plain_json_only() {
    let form = "          multipart/form-data:\n            schema:\n              $ref: '#/components/schemas/CreateFileForm'\n";
    let patch = "          application/merge-patch+json:\n            schema:\n              $ref: '#/components/schemas/CreateFileRequest'\n";
    let error = refusal(form, &format!("{form}{patch}"));
    assert!(error.contains("only application/json is made"), "{error}");
}

#[test]
fn a_component_of_both_documents_is_made_once_and_says_the_same() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let types = generated(root.path(), "src/api/admin/generated/types.rs");
    assert!(types.contains("pub use crate::api::generated::types::Problem;"));
    assert!(!types.contains("pub struct Problem"));
    let error = refusal("description: The kind of error.", "description: Another.");
    assert!(
        error.contains("/components/schemas/ProblemError: is not the same as in"),
        "{error}"
    );
}

#[test]
fn handlers_of_operators_take_an_operator() {
    let root = repository(GPT_OBJECT_STORE_YAML);
    run(root.path(), false).unwrap();
    let operations = generated(root.path(), "src/api/admin/generated/operations.rs");
    let document = gpt_object_store_openapi::load(Plane::Operator.yaml()).unwrap();
    let count = document.operations().len();
    assert_eq!(operations.matches("operator: Operator,").count(), count);
    assert!(!operations.contains("Caller"));
    let routes = generated(root.path(), "src/api/admin/generated/routes.rs");
    let made = "let operator = auth.operator()?;";
    assert_eq!(routes.matches(made).count(), count);
}
