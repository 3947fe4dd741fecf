//! What the platform says of itself. These variables are set by Azure, not by people, so they are no settings.

/// Where we run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The port that the Functions host wants the handler on.
    pub handler_port: Option<u16>,
    /// Whose identity there is to sign in with.
    pub identity: Identity,
}

/// Whose identity signs in to Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The managed identity of App Service, Functions or Container Apps (`IDENTITY_ENDPOINT`).
    Managed,
    /// A Kubernetes workload identity (`AZURE_FEDERATED_TOKEN_FILE`).
    Workload,
    /// The developer's own login (`az login` or `azd auth login`).
    Developer,
}

impl Platform {
    /// Reads the platform's variables.
    #[must_use]
    pub fn read(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut handler_port, mut managed, mut workload) = (None, false, false);
        for (name, value) in vars {
            match name.as_str() {
                "FUNCTIONS_CUSTOMHANDLER_PORT" => handler_port = value.parse().ok(),
                "IDENTITY_ENDPOINT" => managed = !value.is_empty(),
                "AZURE_FEDERATED_TOKEN_FILE" => workload = !value.is_empty(),
                _ => {}
            }
        }
        let identity = match (managed, workload) {
            (true, _) => Identity::Managed,
            (false, true) => Identity::Workload,
            (false, false) => Identity::Developer,
        };
        Self { handler_port, identity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_azure_sets() {
        let check = |vars: &[(&str, &str)], handler_port, identity| {
            let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(Platform::read(vars), Platform { handler_port, identity });
        };
        check(&[], None, Identity::Developer);
        check(
            &[("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"), ("IDENTITY_ENDPOINT", "http://x")],
            Some(7071),
            Identity::Managed,
        );
        check(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "x"), ("AZURE_FEDERATED_TOKEN_FILE", "/t")], None, Identity::Workload);
    }
}
