"""Run by the official client's own Python: posts tasks, or lists what is ready. Not a test and not part of readyd.

Usage: official_poster.py URL LOGIN PASSWORD post COUNT [FIELD=VALUE]...  -> one JSON answer per line
       official_poster.py URL LOGIN PASSWORD list                         -> the number of rows in the window
"""

import json
import sys

from dataforseo_client import ApiClient, Configuration
from dataforseo_client.api.serp_api import SerpApi
from dataforseo_client.models.serp_google_organic_task_post_request_info import (
    SerpGoogleOrganicTaskPostRequestInfo as Request,
)

url, login, password, verb = sys.argv[1:5]
with ApiClient(Configuration(host=url, username=login, password=password)) as connection:
    serp = SerpApi(connection)
    if verb == "post":
        count = int(sys.argv[5])
        more = dict(word.split("=", 1) for word in sys.argv[6:])
        for first in range(0, count, 100):
            answer = serp.google_organic_task_post(
                [
                    Request(
                        language_code="en",
                        location_code=2840,
                        keyword=f"k{number}",
                        tag=f"official:{number}",
                        **more,
                    )
                    for number in range(first, min(count, first + 100))
                ]
            )
            sys.stdout.write(json.dumps(answer.to_dict(), default=str) + "\n")
            sys.stdout.flush()  # who reads this records it at once
    else:
        answer = serp.tasks_ready()
        sys.stdout.write(str(sum(len(task.result or []) for task in answer.tasks)))
