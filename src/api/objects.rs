//! The operations on objects.

use super::Handlers;
use super::convert::{body, collection_name, entity_tag, preconditions};
use super::cursor::{Filters, ListIdentity};
use super::generated::operations::{
    BatchObjectsParams, BatchObjectsReply, CreateObjectParams, CreateObjectReply,
    DeleteObjectParams, DeleteObjectReply, GetObjectParams, GetObjectReply, ListObjectsParams,
    ListObjectsReply, ObjectsHandlers, PatchObjectParams, PatchObjectReply, ReplaceObjectParams,
    ReplaceObjectReply,
};
use super::generated::types::{self, BatchOperationKind};
use super::lists::PageParams;
use super::problem::Problem;
use crate::auth::Caller;
use crate::error::Error;
use crate::service::{BatchItem, IdempotencyKey, Operation, OperationKind};

impl ObjectsHandlers for Handlers {
    async fn create_object(
        &self,
        caller: Caller,
        request: CreateObjectParams,
    ) -> Result<CreateObjectReply, Problem> {
        let collection = collection_name(&request.name)?;
        let sent = &request.body;
        let key = IdempotencyKey::parse(
            request.idempotency_key.as_deref(),
            sent.idempotency_key.as_deref(),
        )?;
        let document = body(&self.service, sent.body.as_ref(), sent.body_json.as_deref())?;
        let created = self
            .service
            .create_object(&caller, &collection, document, key.as_ref())
            .await
            .map_err(|error| error.under(place(sent.body.is_some())))?;
        Ok(CreateObjectReply::Created {
            e_tag: entity_tag(created.object.version),
            location: format!("/v1/objects/{}", created.object.id),
            idempotent_replayed: created.replayed.then(|| "true".to_owned()),
            body: created.object.into(),
        })
    }

    async fn list_objects(
        &self,
        caller: Caller,
        request: ListObjectsParams,
    ) -> Result<ListObjectsReply, Problem> {
        let collection = collection_name(&request.name)?;
        let gpt_id = caller.tenant().gpt_id();
        let list = self.list(
            ListIdentity {
                operation: "list_objects",
                gpt_id: gpt_id.as_str(),
                collection: collection.as_str(),
            },
            format!("/v1/gpts/{gpt_id}/collections/{collection}/objects"),
        );
        let page = PageParams {
            limit: request.limit,
            max_bytes: request.max_bytes,
            cursor: request.cursor,
            filters: Filters {
                order: request.order,
                filter: self.filter(request.filter.as_deref())?,
                created_after: request.created_after,
                created_before: request.created_before,
            },
        };
        let wanted = list.request(page)?;
        let found = self
            .service
            .list_objects(&caller, &collection, &wanted.request)
            .await?;
        let links = list.links(&wanted, &found);
        let body = types::ObjectPage {
            items: found.items.into_iter().map(Into::into).collect(),
            has_more: links.next_cursor.is_some(),
            next_cursor: links.next_cursor,
        };
        Ok(ListObjectsReply::Ok {
            link: links.header,
            body,
        })
    }

    async fn batch_objects(
        &self,
        caller: Caller,
        request: BatchObjectsParams,
    ) -> Result<BatchObjectsReply, Problem> {
        let collection = collection_name(&request.name)?;
        let sent = &request.body;
        let kinds: Vec<_> = sent
            .operations
            .iter()
            .map(|operation| operation.op)
            .collect();
        let key = IdempotencyKey::parse(
            request.idempotency_key.as_deref(),
            sent.idempotency_key.as_deref(),
        )?;
        let done = async {
            let operations = self.operations(&sent.operations)?;
            self.service
                .batch_objects(&caller, &collection, &operations, key.as_ref())
                .await
        };
        let done = done
            .await
            .map_err(|error| Problem::from_batch(error, &kinds))?;
        let items = done.items.iter().enumerate();
        Ok(BatchObjectsReply::Ok {
            idempotent_replayed: done.replayed.then(|| "true".to_owned()),
            body: types::BatchResult {
                items: items.map(|(index, item)| batch_item(index, item)).collect(),
            },
        })
    }

    async fn get_object(
        &self,
        caller: Caller,
        request: GetObjectParams,
    ) -> Result<GetObjectReply, Problem> {
        let known = preconditions(
            ("If-None-Match", request.if_none_match_header.as_deref()),
            ("if_none_match", request.if_none_match.as_deref()),
        )?;
        let row = self.service.get_object(&caller, request.id).await?;
        let e_tag = entity_tag(row.version);
        Ok(if known.names(row.version) {
            GetObjectReply::NotModified { e_tag }
        } else {
            GetObjectReply::Ok {
                e_tag,
                body: row.into(),
            }
        })
    }

    async fn patch_object(
        &self,
        caller: Caller,
        request: PatchObjectParams,
    ) -> Result<PatchObjectReply, Problem> {
        let sent = &request.body;
        let conditions = preconditions(
            ("If-Match", request.if_match.as_deref()),
            ("/if_match", sent.if_match.as_deref()),
        )?;
        let patch = body(&self.service, sent.body.as_ref(), sent.body_json.as_deref())?;
        let row = self
            .service
            .patch_object(&caller, request.id, &conditions, &patch)
            .await
            .map_err(|error| error.under(place(sent.body.is_some())))?;
        Ok(PatchObjectReply::Ok {
            e_tag: entity_tag(row.version),
            body: row.into(),
        })
    }

    async fn replace_object(
        &self,
        caller: Caller,
        request: ReplaceObjectParams,
    ) -> Result<ReplaceObjectReply, Problem> {
        let sent = &request.body;
        let conditions = preconditions(
            ("If-Match", request.if_match.as_deref()),
            ("/if_match", sent.if_match.as_deref()),
        )?;
        let document = body(&self.service, sent.body.as_ref(), sent.body_json.as_deref())?;
        let row = self
            .service
            .replace_object(&caller, request.id, &conditions, &document)
            .await
            .map_err(|error| error.under(place(sent.body.is_some())))?;
        Ok(ReplaceObjectReply::Ok {
            e_tag: entity_tag(row.version),
            body: row.into(),
        })
    }

    async fn delete_object(
        &self,
        caller: Caller,
        request: DeleteObjectParams,
    ) -> Result<DeleteObjectReply, Problem> {
        let conditions = preconditions(
            ("If-Match", request.if_match_header.as_deref()),
            ("if_match", request.if_match.as_deref()),
        )?;
        self.service
            .delete_object(&caller, request.id, &conditions)
            .await?;
        Ok(DeleteObjectReply::NoContent)
    }
}

/// The member that carried the document, for pointers into it.
fn place(as_object: bool) -> &'static str {
    if as_object { "/body" } else { "/body_json" }
}

impl Handlers {
    fn operations(&self, sent: &[types::BatchOperation]) -> Result<Vec<Operation>, Error> {
        let each = sent.iter().enumerate().map(|(index, operation)| {
            self.operation(operation)
                .map_err(|cause| Error::BatchFailed {
                    index,
                    cause: Box::new(cause.under(&format!("/operations/{index}"))),
                })
        });
        each.collect()
    }

    fn operation(&self, sent: &types::BatchOperation) -> Result<Operation, Error> {
        let conditions = preconditions(("/if_match", sent.if_match.as_deref()), ("", None))?;
        let id = || {
            sent.id
                .ok_or_else(|| Error::invalid("/id", "is missing: name the object"))
        };
        let document = || body(&self.service, sent.body.as_ref(), sent.body_json.as_deref());
        let unwanted = |present: bool, member: &str| {
            let detail = format!("does not go with the operation {}", sent.op);
            if present {
                Err(Error::invalid(member, detail))
            } else {
                Ok(())
            }
        };
        match sent.op {
            BatchOperationKind::Create => {
                unwanted(sent.id.is_some(), "/id")?;
                unwanted(sent.if_match.is_some(), "/if_match")?;
                Ok(Operation::Create(document()?))
            }
            BatchOperationKind::Patch => Ok(Operation::Patch(id()?, document()?, conditions)),
            BatchOperationKind::Replace => Ok(Operation::Replace(id()?, document()?, conditions)),
            BatchOperationKind::Delete => {
                unwanted(sent.body.is_some(), "/body")?;
                unwanted(sent.body_json.is_some(), "/body_json")?;
                Ok(Operation::Delete(id()?, conditions))
            }
        }
    }
}

fn batch_item(index: usize, item: &BatchItem) -> types::BatchItem {
    let (op, status) = match item.op {
        OperationKind::Create => (BatchOperationKind::Create, 201),
        OperationKind::Patch => (BatchOperationKind::Patch, 200),
        OperationKind::Replace => (BatchOperationKind::Replace, 200),
        OperationKind::Delete => (BatchOperationKind::Delete, 204),
    };
    types::BatchItem {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        op,
        status,
        id: Some(item.id),
        version: item.now.map(|(version, ..)| version),
        created_at: item.now.map(|(_, created_at, _)| created_at),
        updated_at: item.now.map(|(.., updated_at)| updated_at),
        detail: None,
    }
}
