use futures::TryStreamExt;
use gpt_object_store_client::types::{
    CreateObjectRequest, PatchObjectRequest, UpsertCollectionRequest,
};
use gpt_object_store_client::{Client, ConflictExt, Fetched, Outcome, Search};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("GOS_URL")?;
    let key = std::env::var("GOS_KEY")?;
    let client = Client::connect(&url, &key)?;
    let me = client.get_limits().send().await?.into_inner();
    let gpt_id = me.gpt_id.ok_or("the key belongs to no GPT")?;

    // A collection for notes. Repeating this changes nothing.
    let notes: UpsertCollectionRequest = serde_json::from_value(json!({ "name": "notes" }))?;
    client
        .upsert_collection()
        .gpt_id(&gpt_id)
        .body(notes)
        .send()
        .await?;

    // A note, stored.
    let note: CreateObjectRequest =
        serde_json::from_value(json!({ "body": { "title": "Milk", "done": false } }))?;
    let note = client
        .create_object()
        .gpt_id(&gpt_id)
        .name("notes")
        .body(note)
        .send()
        .await?
        .into_inner();
    assert_eq!(note.version, 1);

    // Changed, but only if nobody else has changed it since.
    let patch = |version: i64| -> Result<PatchObjectRequest, serde_json::Error> {
        serde_json::from_value(json!({ "body": { "done": true }, "if_match": version.to_string() }))
    };
    let changed = client
        .patch_object()
        .id(note.id)
        .body(patch(1)?)
        .send()
        .await
        .or_conflict()?;
    assert!(matches!(changed, Outcome::Done(ref now) if now.version == 2));
    let refused = client
        .patch_object()
        .id(note.id)
        .body(patch(1)?)
        .send()
        .await
        .or_conflict()?;
    assert!(matches!(refused, Outcome::Conflict(Some(2))));
    assert!(matches!(
        client.get_object_if_changed(note.id, 2).await?,
        Fetched::Unchanged
    ));

    // Read, altered and written back, however many do the same at once.
    let counted = client
        .update_object(note.id, |body| {
            body.insert("seen".into(), json!(1));
        })
        .await?;
    assert_eq!(counted.version, 3);

    // All notes that are done, page after page.
    let search = Search {
        filter: json!({ "done": true }).as_object().cloned(),
        ..Search::default()
    };
    let done: Vec<_> = client
        .stream_objects(&gpt_id, "notes", search)
        .try_collect()
        .await?;
    assert!(done.iter().any(|found| found.id == note.id));

    client.delete_object().id(note.id).send().await?;
    println!("all well");
    Ok(())
}
