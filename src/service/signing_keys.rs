//! The keys that sign access tokens, as the operator sees and changes them.

use super::Service;
use crate::auth::Tokens;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::SigningKeyRow;

impl Service {
    /// The signing keys that are not retired, oldest first. The last one that does not retire signs.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        Ok(self.store.list_signing_keys(Timestamp::now()).await?)
    }

    /// Makes a key that signs from now on, and gives its id. Tokens of the others stay good until
    /// their time is over.
    ///
    /// # Errors
    /// The store's.
    pub async fn rotate_signing_key(&self) -> Result<String, Error> {
        self.tokens()?.rotate_key().await
    }

    /// What issues access tokens.
    ///
    /// # Errors
    /// [`Error::Internal`] when the service was made without.
    pub fn tokens(&self) -> Result<&Tokens, Error> {
        let tokens = self.tokens.as_ref();
        tokens.ok_or_else(|| Error::Internal("the service issues no tokens".into()))
    }
}
