//! Access tokens for what is no storage.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::connect::credential;
use crate::secret::Secret;
use crate::settings::Identity;

/// Our identity towards one service. Tokens are kept and renewed in time by the SDK. Cheap to clone.
#[derive(Clone)]
pub struct Login {
    credential: Arc<dyn TokenCredential>,
    scope: String,
}

/// There is no token.
#[derive(Debug, thiserror::Error)]
#[error("get a token for {scope}{advice}")]
pub struct LoginError {
    scope: String,
    advice: &'static str,
    #[source]
    source: Box<azure_core::Error>,
}

impl Login {
    /// Prepares to sign in; sends nothing yet. `client_id` chooses a user-assigned identity. `scope` is that of the service, such as
    /// `https://api.loganalytics.io/.default`.
    ///
    /// # Errors
    /// The platform offers an identity but not all that it takes to use it.
    pub fn new(identity: Identity, client_id: Option<String>, scope: &str) -> Result<Self, LoginError> {
        let advice = advice(identity);
        match credential(identity, client_id) {
            Ok(credential) => Ok(Self { credential, scope: scope.to_owned() }),
            Err(error) => Err(LoginError { scope: scope.to_owned(), advice, source: Box::new(error) }),
        }
    }

    /// A token that is good for some minutes at least.
    ///
    /// # Errors
    /// There is no identity, or its endpoint gives no token.
    pub async fn token(&self) -> Result<Secret, LoginError> {
        match self.credential.get_token(&[&self.scope], None).await {
            Ok(token) => Ok(Secret::new(token.token.secret())),
            Err(error) => Err(LoginError { scope: self.scope.clone(), advice: "", source: Box::new(error) }),
        }
    }
}

fn advice(identity: Identity) -> &'static str {
    match identity {
        Identity::Managed => "",
        Identity::Workload => " (the workload identity's variables are not all there)",
        Identity::Developer => " (sign in with `az login` or `azd auth login`)",
    }
}
