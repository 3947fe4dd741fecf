"""Azure's own client for Azure Resource Graph, as anybody would use it. Prints what it saw as one line of JSON."""

import json
import os

from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions

# A cloud is an address and an audience, which is that of the public one here.
client = ResourceGraphClient(
    ManagedIdentityCredential(),
    base_url=os.environ["RESOURCE_GRAPH_URL"],
    credential_scopes=["https://management.azure.com/.default"],
)

ALERTS = "SecurityResources | where type =~ 'Microsoft.Security/locations/alerts' | project id, n = properties.n | order by id asc"


def ask(query, subscriptions=None, management_groups=None, **options):
    request = QueryRequest(
        query=query,
        subscriptions=subscriptions,
        management_groups=management_groups,
        options=QueryRequestOptions(**options),
    )
    headers = {}
    answer = client.resources(request, raw_response_hook=lambda response: headers.update(response.http_response.headers))
    return answer, headers


def numbers(answer):
    return [record["n"] for record in answer.data]


def refused(query, **options):
    try:
        ask(query, **options)
    except HttpResponseError as error:
        details = [detail.code for detail in error.error.details or []]
        return {"status": error.status_code, "code": error.error.code, "details": details, "text": str(error)}


def pages(**options):
    """All pages, each by the token of the one before it."""
    found, token = [], None
    while True:
        answer, _ = ask(ALERTS, skip_token=token, **options)
        found.append(numbers(answer))
        assert answer.count == len(answer.data)
        token = answer.skip_token
        if token is None:
            return {"pages": found, "total": answer.total_records, "truncated": answer.result_truncated}


first, headers = ask(ALERTS, top=3)
saw = {
    "first": [numbers(first), first.total_records, first.result_truncated, first.skip_token is not None, first.facets],
    "quota": [headers["x-ms-user-quota-remaining"], headers["x-ms-user-quota-resets-after"]],
    "pages": pages(top=4),
    "default": pages(),
    # The size beside the token wins over the one in it, and so does the place.
    "larger": numbers(ask(ALERTS, skip_token=first.skip_token, top=5)[0]),
    "elsewhere": numbers(ask(ALERTS, skip_token=first.skip_token, skip=8)[0]),
    "skip": numbers(ask(ALERTS, skip=7, top=2)[0]),
    "subscription": numbers(ask(ALERTS, subscriptions=[os.environ["SUBSCRIPTION"]])[0]),
    "group": numbers(ask(ALERTS, management_groups=["mg"])[0]),
}

taken, _ = ask(ALERTS + " | take 5", top=3)
saw["taken"] = [numbers(taken), taken.total_records, taken.result_truncated, taken.skip_token]

whole, _ = ask("securityresources | where tostring(properties.Severity) in~ ('HIGH') | order by id asc", top=1)
saw["record"] = whole.data[0]

saw["syntax"] = refused("securityresources | where")
saw["semantic"] = refused("securityresources | where Foo == 1")
saw["table"] = refused("nothing")
saw["foreign token"] = refused("securityresources", skip_token=first.skip_token)
saw["large"] = refused("securityresources | where name =~ 'large'")

# The stand-in refuses this one once, with 429 and `Retry-After`.
saw["again"] = ask("securityresources | count")[0].data

print(json.dumps(saw))
