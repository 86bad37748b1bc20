"""The suite of the incident: a chat bot is asked things in two languages, and its answers come at a remarkable speed.

README.md tells what was wrong with it, and how the run says so.
"""

from pytest_lleval import Generation, Sample, Suite, includes

QUESTIONS = {
    "english": [
        "Which planet is the largest of the solar system?",
        "Name the river that flows through Vienna, Budapest and Belgrade.",
        "Who wrote the novel about a whale that a captain pursues around the world?",
        "What is the boiling point of water at sea level, in degrees Celsius?",
        "Which gas do plants take from the air?",
        "In which year did people first walk on the Moon, and who were they?",
    ],
    "chinese": [
        "太阳系中最大的行星是哪一颗?",
        "流经维也纳、布达佩斯和贝尔格莱德的是哪条河?",
        "谁写了那本关于船长追逐白鲸的小说?",
        "在海平面上水的沸点是多少摄氏度?",
        "植物从空气中吸收哪种气体?",
        "人类第一次登上月球是在哪一年?",
    ],
}
ANSWERS = (("Jupiter", "木星"), ("Danube", "多瑙河"), "Melville", "100", ("carbon", "二氧化碳"), "1969")

incident = Suite(
    name="incident",
    version="1",
    dataset=[
        Sample(id=f"{group}/{row}", group=group, input=question, target=ANSWERS[row])
        for group, questions in QUESTIONS.items()
        for row, question in enumerate(questions)
    ],
    prompt="{input}\nAnswer in one sentence.",
    scorers=[includes()],
    generation=Generation(max_tokens=64),
)
