//! `files`: what is known of a file beside its bytes.
//!
//! A deleted file keeps its row for a while, for audits; its bytes do not stay.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("files_gpt_id_fkey")
            .from(Files::Table, Files::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut files = Table::create();
        files
            .table(Files::Table)
            .col(ColumnDef::new(Files::GptId).text().not_null())
            .col(ColumnDef::new(Files::Id).uuid().not_null())
            .col(ColumnDef::new(Files::Filename).text().not_null())
            .col(ColumnDef::new(Files::Purpose).text().not_null())
            .col(ColumnDef::new(Files::ContentType).text().not_null())
            .col(ColumnDef::new(Files::Bytes).big_integer().not_null())
            .col(ColumnDef::new(Files::Sha256).binary().not_null())
            .col(
                ColumnDef::new(Files::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Files::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(Files::DeletedAt).timestamp_with_time_zone())
            .primary_key(Index::create().col(Files::GptId).col(Files::Id))
            .foreign_key(&mut gpt);
        manager.create_table(files).await?;

        // A page is one range of this index, at any depth.
        let mut page = Index::create();
        page.name("files_gpt_id_created_at_id_idx")
            .table(Files::Table)
            .col(Files::GptId)
            .col((Files::CreatedAt, IndexOrder::Desc))
            .col((Files::Id, IndexOrder::Desc));
        manager.create_index(page).await?;

        // To tell another tenant's file from none.
        let mut by_id = Index::create();
        by_id
            .name("files_id_idx")
            .table(Files::Table)
            .col(Files::Id);
        manager.create_index(by_id).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("files_deleted_at_expires_at_idx")
            .table(Files::Table)
            .col(Files::DeletedAt)
            .col(Files::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Files::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Files {
    Table,
    GptId,
    Id,
    Filename,
    Purpose,
    ContentType,
    Bytes,
    Sha256,
    CreatedAt,
    ExpiresAt,
    DeletedAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
