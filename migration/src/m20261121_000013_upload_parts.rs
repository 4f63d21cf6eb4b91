//! `upload_parts`: the parts of uploads that are open. A part keeps its id when its bytes are replaced.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut upload = ForeignKey::create();
        upload
            .name("upload_parts_gpt_id_upload_id_fkey")
            .from(
                UploadParts::Table,
                (UploadParts::GptId, UploadParts::UploadId),
            )
            .to(Uploads::Table, (Uploads::GptId, Uploads::Id))
            .on_delete(ForeignKeyAction::Cascade);
        let mut upload_parts = Table::create();
        upload_parts
            .table(UploadParts::Table)
            .col(ColumnDef::new(UploadParts::GptId).text().not_null())
            .col(ColumnDef::new(UploadParts::UploadId).uuid().not_null())
            .col(ColumnDef::new(UploadParts::Position).integer().not_null())
            .col(ColumnDef::new(UploadParts::Id).uuid().not_null())
            .col(ColumnDef::new(UploadParts::BlobId).uuid().not_null())
            .col(ColumnDef::new(UploadParts::Bytes).big_integer().not_null())
            .col(
                ColumnDef::new(UploadParts::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(
                Index::create()
                    .col(UploadParts::GptId)
                    .col(UploadParts::UploadId)
                    .col(UploadParts::Position),
            )
            .foreign_key(&mut upload);
        manager.create_table(upload_parts).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(UploadParts::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum UploadParts {
    Table,
    GptId,
    UploadId,
    Position,
    Id,
    BlobId,
    Bytes,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Uploads {
    Table,
    GptId,
    Id,
}
