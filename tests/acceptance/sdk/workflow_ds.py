"""A workflow with the Step Functions Data Science SDK, as its users write it.

Nothing in here knows where it runs. What it found goes to ``outcome.json``.
"""

# mypy: ignore-errors

import io
import json
import zipfile

import boto3
from stepfunctions.inputs import ExecutionInput
from stepfunctions.steps import Catch, Chain, Fail, LambdaStep, Retry
from stepfunctions.workflow import Workflow

CODE = """
def lambda_handler(event, context):
    if event["n"] > 10:
        raise ValueError("too many")
    return {"n": event["n"] + 1}
"""

role = boto3.client("iam").list_roles()["Roles"][0]["Arn"]
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as packed:
    packed.writestr("lambda_function.py", CODE)
boto3.client("lambda").create_function(
    FunctionName="increase",
    Runtime="python3.11",
    Role=role,
    Handler="lambda_function.lambda_handler",
    Code={"ZipFile": archive.getvalue()},
)

given = ExecutionInput(schema={"n": int})
one = LambdaStep(
    "One",
    parameters={"FunctionName": "increase", "Payload": {"n": given["n"]}},
    output_path="$.Payload",
)
one.add_retry(Retry(error_equals=["Lambda.ServiceException"], interval_seconds=1, max_attempts=2))
one.add_catch(Catch(error_equals=["ValueError"], next_step=Fail("Refused", error="TooMany")))
two = LambdaStep(
    "Two", parameters={"FunctionName": "increase", "Payload.$": "$"}, output_path="$.Payload"
)
workflow = Workflow(
    "counting", definition=Chain([one, two]), role=role, execution_input=given, tags=[]
)
outcome = {"arn": workflow.create()}
execution = workflow.execute(inputs={"n": 1})
outcome["output"] = execution.get_output(wait=True)
outcome["events"] = [event["type"] for event in execution.list_events()]
refused = workflow.execute(inputs={"n": 11})
refused.get_output(wait=True)
outcome["refused"] = [refused.describe()["status"], refused.describe()["error"]]
outcome["executions"] = len(workflow.list_executions())
outcome["attached"] = Workflow.attach(outcome["arn"]).name
outcome["listed"] = [found["name"] for found in Workflow.list_workflows()]
workflow.delete()

with open("outcome.json", "w") as file:
    json.dump(outcome, file, indent=2)
