//! One storage queue, for sending work and for knowing how long it is.

use std::sync::Arc;

use azure_core::http::{RequestContent, StatusCode, XmlFormat};
use azure_storage_queue::QueueClient;
use azure_storage_queue::models::{
    QueueClientGetPropertiesResultHeaders as _, QueueClientPeekMessagesOptions, QueueMessage,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::StorageError;

/// A queue of the Functions app's own account.
#[derive(Clone)]
pub struct Queue {
    name: String,
    client: Arc<QueueClient>,
}

/// A message that was looked at and stays where it is.
#[derive(Debug, Clone)]
pub struct Peeked {
    /// Its text, out of base64 where it is in that.
    pub text: String,
    /// When it was put there (UTC).
    pub inserted: Option<OffsetDateTime>,
}

/// Messages of one look; the service gives no more ("Peek Messages").
const PEEKED: i32 = 32;

impl Queue {
    pub(super) fn new(name: &str, client: QueueClient) -> Self {
        Self { name: name.to_owned(), client: Arc::new(client) }
    }

    /// The SDK's own client, for the rig's stand-in of the Functions host, which takes, renews and deletes messages.
    #[must_use]
    pub fn client(&self) -> &QueueClient {
        &self.client
    }

    /// About how many messages wait, those being worked on included.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn length(&self) -> Result<u64, StorageError> {
        let doing = || format!("ask for the length of queue {}", self.name);
        let properties = self.client.get_properties(None).await.map_err(|error| StorageError::new(doing(), error))?;
        let count = properties.approximate_messages_count().map_err(|error| StorageError::new(doing(), error))?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// Looks at the first messages that are not being worked on, at most 32, and leaves them as they are.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn peek(&self) -> Result<Vec<Peeked>, StorageError> {
        let doing = || format!("look at the messages of queue {}", self.name);
        let options = QueueClientPeekMessagesOptions { number_of_messages: Some(PEEKED), ..Default::default() };
        let messages = self.client.peek_messages(Some(options)).await.and_then(|response| response.into_model());
        let messages = messages.map_err(|error| StorageError::new(doing(), error))?.items.unwrap_or_default();
        let peeked = messages.into_iter().map(|message| {
            let text = message.message_text.unwrap_or_default();
            let decoded = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Peeked { text: decoded.unwrap_or(text), inserted: message.insertion_time }
        });
        Ok(peeked.collect())
    }

    /// Puts a text on the queue, in base64 as the Functions host's queue trigger expects by default.
    ///
    /// # Errors
    /// Any answer but success.
    pub async fn send(&self, text: &str) -> Result<(), StorageError> {
        let doing = || format!("send a message to queue {}", self.name);
        let message = QueueMessage { message_text: Some(STANDARD.encode(text)) };
        let content: RequestContent<QueueMessage, XmlFormat> =
            message.try_into().map_err(|error| StorageError::new(doing(), error))?;
        self.client.send_message(content, None).await.map_err(|error| StorageError::new(doing(), error))?;
        Ok(())
    }

    /// Creates the queue unless it exists.
    ///
    /// # Errors
    /// Any other answer.
    pub async fn ensure(&self) -> Result<(), StorageError> {
        match self.client.create(None).await {
            Err(error) if error.http_status() != Some(StatusCode::Conflict) => {
                Err(StorageError::new(format!("create queue {}", self.name), error))
            }
            _ => Ok(()),
        }
    }
}
