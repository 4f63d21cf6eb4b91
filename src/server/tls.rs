//! The certificate of our own listeners, and its successors: files that are looked at again, so that
//! renewing one takes no restart and ends no connection.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a certificate cannot be used. The text names the setting, and shows nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files cannot be read, or is not PEM.
    #[error("{setting} cannot be read")]
    File {
        /// Which.
        setting: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("TLS_CERTIFICATE names a file without a certificate")]
    Empty,
    /// Key and certificate do not belong together, or their kind is not known.
    #[error("TLS_CERTIFICATE and TLS_KEY cannot be used together")]
    Pair(#[from] rustls::Error),
    /// The protocol could not be set up.
    #[error("TLS cannot be offered")]
    Protocol(#[source] rustls::Error),
}

/// The certificate that new connections get. Clones are the same one.
#[derive(Clone)]
pub struct Certificate {
    files: TlsFiles,
    current: Arc<Current>,
}

/// What the handshake asks for.
struct Current(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]: what is wrong with them.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = Current(RwLock::new(Arc::new(read(files)?)));
        Ok(Self {
            files: files.clone(),
            current: Arc::new(current),
        })
    }

    /// Speaks TLS 1.2 and 1.3 with whatever certificate is current.
    ///
    /// # Errors
    /// When the protocol cannot be set up.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider);
        let versions = versions.with_safe_default_protocol_versions();
        let mut config = versions
            .map_err(TlsError::Protocol)?
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again if they are not as `seen`, and gives how they are. A pair that cannot be
    /// used, as while only one of two files is renewed, changes nothing.
    fn renew(&self, seen: Stamps) -> Stamps {
        let stamps = stamps(&self.files);
        if stamps == seen {
            return seen;
        }
        match read(&self.files) {
            Ok(renewed) => {
                let mut current = self.current.0.write();
                **current
                    .as_mut()
                    .unwrap_or_else(|poisoned| poisoned.get_mut()) = Arc::new(renewed);
                tracing::info!("the certificate was read again");
            }
            Err(error) => {
                let cause = crate::error::chain(&error);
                tracing::error!(
                    cause,
                    "the certificate cannot be renewed; the old one is kept"
                );
            }
        }
        stamps
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

/// When each file was last changed, and how long it is; `None`: it cannot be seen.
type Stamps = [Option<(SystemTime, u64)>; 2];

fn stamps(files: &TlsFiles) -> Stamps {
    let stamp = |metadata: Metadata| Ok((metadata.modified()?, metadata.len()));
    let of = |path: &Path| path.metadata().and_then(stamp).ok();
    [of(&files.certificate), of(&files.key)]
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let unreadable = |setting| move |source| TlsError::File { setting, source };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable("TLS_CERTIFICATE"))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty);
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable("TLS_KEY"))?;
    Ok(CertifiedKey::from_der(
        certificates,
        key,
        &ring::default_provider(),
    )?)
}

/// The task that looks at the files.
pub(super) struct Renewal {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Renewal {
    /// Starts the task.
    pub(super) fn start(certificate: Certificate) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(keep_renewing(certificate, stopped));
        Self { stop, task }
    }

    /// Ends the task.
    pub(super) async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "renewing the certificate failed");
        }
    }
}

async fn keep_renewing(certificate: Certificate, mut stopped: watch::Receiver<()>) {
    // What changed between the first reading and now is read once more.
    let mut seen = Stamps::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stopped.changed() => return,
        }
        let certificate = certificate.clone();
        let renewed = tokio::task::spawn_blocking(move || certificate.renew(seen));
        seen = renewed.await.unwrap_or(seen);
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::other(error)
    }
}
