//! `uploads`: files that come in parts.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("uploads_gpt_id_fkey")
            .from(Uploads::Table, Uploads::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut uploads = Table::create();
        uploads
            .table(Uploads::Table)
            .col(ColumnDef::new(Uploads::GptId).text().not_null())
            .col(ColumnDef::new(Uploads::Id).uuid().not_null())
            .col(ColumnDef::new(Uploads::Filename).text().not_null())
            .col(ColumnDef::new(Uploads::Purpose).text().not_null())
            .col(ColumnDef::new(Uploads::ContentType).text().not_null())
            .col(ColumnDef::new(Uploads::Bytes).big_integer().not_null())
            .col(
                ColumnDef::new(Uploads::LifetimeSeconds)
                    .big_integer()
                    .not_null(),
            )
            .col(ColumnDef::new(Uploads::State).text().not_null())
            .col(ColumnDef::new(Uploads::FileId).uuid())
            .col(
                ColumnDef::new(Uploads::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Uploads::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(Index::create().col(Uploads::GptId).col(Uploads::Id))
            .foreign_key(&mut gpt);
        manager.create_table(uploads).await?;

        // To tell another tenant's upload from none.
        let mut by_id = Index::create();
        by_id
            .name("uploads_id_idx")
            .table(Uploads::Table)
            .col(Uploads::Id);
        manager.create_index(by_id).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("uploads_state_expires_at_idx")
            .table(Uploads::Table)
            .col(Uploads::State)
            .col(Uploads::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Uploads::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Uploads {
    Table,
    GptId,
    Id,
    Filename,
    Purpose,
    ContentType,
    Bytes,
    LifetimeSeconds,
    State,
    FileId,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
