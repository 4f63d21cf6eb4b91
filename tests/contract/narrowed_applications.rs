//! Applications that may see some collections only: for them there are no others.

use serde_json::json;

use crate::support::actor::{Gpt, ids};
use crate::support::app::App;

/// The GPT as itself and as an application that sees `notes` only, with an object each in `notes`
/// and in `secrets`.
async fn narrowed(app: &App) -> (Gpt, Gpt, String, String) {
    let gpt = app.gpt_with_notes().await;
    gpt.upsert_collection("secrets").await.expect(201);
    let token = app.token(&gpt, Some(&["notes", "drafts"])).await;
    let note = gpt.has_object("notes", json!({ "n": 1 })).await;
    let secret = gpt.has_object("secrets", json!({ "n": 2 })).await;
    let application = gpt.with_key(&token);
    (gpt, application, note, secret)
}

on_both!(its_own_collections_are_as_for_everybody);
async fn its_own_collections_are_as_for_everybody(app: App) {
    let (_, application, note, _) = narrowed(&app).await;
    application.get_collection("notes").await.expect(200);
    application.get_object(&note).await.expect(200);
    application
        .patch_object(&note, json!({ "a": 1 }))
        .await
        .expect(200);
    application
        .replace_object(&note, json!({ "b": 1 }))
        .await
        .expect(200);
    let listed = application.list_objects("notes").await.expect(200);
    assert_eq!(ids(listed.items()), [note.as_str()]);
    let created = application.has_object("notes", json!({})).await;
    application.delete_object(&created).await.expect(204);
    let batch = json!([{ "op": "delete", "id": note }]);
    application.batch_objects("notes", batch).await.expect(200);
    application.upsert_collection("drafts").await.expect(201);
    application.delete_collection("drafts").await.expect(204);
}

on_both!(lists_leave_the_others_out);
async fn lists_leave_the_others_out(app: App) {
    let (gpt, application, ..) = narrowed(&app).await;
    let names = async |gpt: &Gpt| {
        let pages = gpt.pages(|| gpt.list_collections().query("limit", 1)).await;
        let items = pages.iter().flat_map(|page| page.items());
        let mut names: Vec<_> = items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&gpt).await, ["notes", "secrets"]);
    assert_eq!(names(&application).await, ["notes"]);
}

on_both!(other_collections_do_not_exist);
async fn other_collections_do_not_exist(app: App) {
    let (gpt, application, _, secret) = narrowed(&app).await;
    // The server has just seen the collection, for the GPT's own key.
    gpt.has_object("secrets", json!({})).await;
    for call in [
        application.get_collection("secrets"),
        application.delete_collection("secrets"),
        application.list_objects("secrets"),
        application
            .list_objects("secrets")
            .query("filter", r#"{"n":2}"#),
        application.create_object("secrets", json!({})),
        application
            .create_object("secrets", json!({}))
            .header("idempotency-key", "k1"),
        application.batch_objects("secrets", json!([{ "op": "create", "body": {} }])),
    ] {
        call.await.expect(404).problem("collection-not-found");
    }
    for call in [
        application.get_object(&secret),
        application.patch_object(&secret, json!({ "n": 3 })),
        application.replace_object(&secret, json!({ "n": 3 })),
        application.delete_object(&secret),
    ] {
        call.await.expect(404).problem("object-not-found");
    }
    let foreign = json!([{ "op": "delete", "id": secret }]);
    application
        .batch_objects("notes", foreign)
        .await
        .expect(404);
    assert_eq!(gpt.document(&secret).await, json!({ "n": 2 }));
}

on_both!(other_collections_can_be_neither_made_nor_changed);
async fn other_collections_can_be_neither_made_nor_changed(app: App) {
    let (gpt, application, ..) = narrowed(&app).await;
    for name in ["secrets", "new"] {
        for call in [
            application.upsert_collection(name),
            application
                .upsert_collection(name)
                .member("schema", json!({ "type": "object" })),
        ] {
            call.await.expect(403).problem("forbidden");
        }
    }
    assert_eq!(
        gpt.get_collection("secrets")
            .await
            .expect(200)
            .number("version"),
        1
    );
    gpt.get_collection("new").await.expect(404);
}

on_both!(answers_of_others_are_not_replayed);
async fn answers_of_others_are_not_replayed(app: App) {
    let (gpt, application, ..) = narrowed(&app).await;
    let batch = |gpt: &Gpt| {
        let create = json!([{ "op": "create", "body": { "n": 7 } }]);
        gpt.batch_objects("secrets", create)
            .header("idempotency-key", "batch")
    };
    let create = |gpt: &Gpt| {
        gpt.create_object("secrets", json!({ "n": 8 }))
            .header("idempotency-key", "create")
    };
    batch(&gpt).await.expect(200);
    create(&gpt).await.expect(201);
    batch(&application).await.expect(404);
    create(&application).await.expect(404);
}

on_both!(jobs_of_others_do_not_exist);
async fn jobs_of_others_do_not_exist(app: App) {
    let (gpt, ..) = narrowed(&app).await;
    let scopes = "objects:read objects:write files:read files:write";
    let token = app.token_with(&gpt, scopes, Some(&["notes", "drafts"]));
    let application = gpt.with_key(&token.await);
    let line = "{\"collection\":\"notes\",\"body\":{}}\n";
    let hidden = [
        gpt.create_export().await,
        gpt.create_export().member("collection", "secrets").await,
        gpt.import_lines(line).await,
    ];
    for job in hidden {
        let id = gpt.ended(job).await.string("id");
        let found = application.get_job(&id).await;
        found.expect(404).problem("job-not-found");
    }
    let seen = [
        gpt.create_export().member("collection", "notes").await,
        application.import_lines(line).await,
    ];
    for job in seen {
        application.ended(job).await;
    }
}

on_both!(exports_of_others_do_not_exist);
async fn exports_of_others_do_not_exist(app: App) {
    let (gpt, ..) = narrowed(&app).await;
    let scopes = "objects:read objects:write files:read files:write";
    let names: [&str; 2] = ["notes", "drafts"];
    let token = app.token_with(&gpt, scopes, Some(&names)).await;
    let application = gpt.with_key(&token);
    let export = async |gpt: &Gpt, collection: Option<&str>| {
        let call = match collection {
            Some(name) => gpt.create_export().member("collection", name),
            None => gpt.create_export(),
        };
        gpt.ended(call.await).await.string("file_id")
    };
    let all = export(&gpt, None).await;
    let secrets = export(&gpt, Some("secrets")).await;
    let notes = export(&gpt, Some("notes")).await;
    let own = export(&application, None).await;
    let outside = gpt.create_file("a.txt", "a").await.expect(200).string("id");
    for hidden in [&all, &secrets] {
        gpt.get_file(hidden).await.expect(200);
        for call in [
            application.get_file(hidden),
            application.get_file_content(hidden),
            application.delete_file(hidden),
            application.create_import(hidden),
        ] {
            call.await.expect(404).problem("file-not-found");
        }
        let behind = application.list_files().query("after", hidden);
        behind.await.expect(400);
    }
    for seen in [&notes, &own, &outside] {
        application.get_file_content(seen).await.expect(200);
    }
    let listed = application.list_files().await.expect(200);
    let listed = listed.json()["data"].as_array().unwrap().clone();
    let listed: Vec<_> = listed
        .iter()
        .map(|file| file["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, [outside.as_str(), &own, &notes]);
    let content = application.get_file_content(&own).await.expect(200);
    assert!(!content.text().contains("secrets"), "{content}");
}
