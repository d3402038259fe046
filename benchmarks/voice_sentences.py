"""What the benchmark of the voice says: forty sentences as people speak them, and questions that want an answer."""

from typing import Final

SENTENCES: Final = (
    "Could you tell me what the weather will be like tomorrow morning?",
    "I would like to book a table for four people on Friday evening.",
    "The train to the city leaves from platform nine in ten minutes.",
    "Please remind me to call my mother when I get home.",
    "How do I change the password of my account?",
    "The meeting has been moved to the large room on the second floor.",
    "My order has not arrived yet, and I would like to know where it is.",
    "What is the difference between a virus and a bacterium?",
    "She opened the window because the room was too warm.",
    "Turn off the lights in the kitchen and lock the front door.",
    "We are planning a short trip to the mountains next month.",
    "Can you explain how a rainbow is formed?",
    "The new bridge will be finished before the end of the year.",
    "I forgot my umbrella, so I had to walk home in the rain.",
    "Which of these two books would you recommend to a beginner?",
    "The doctor said that I should drink more water every day.",
    "He plays the piano very well, but he never practices.",
    "Is there a pharmacy near the station that is open on Sunday?",
    "They painted the old house white and planted roses along the fence.",
    "Write a letter to the landlord about the broken heating.",
    "The children were playing in the garden until it got dark.",
    "What should I cook for dinner with rice, tomatoes and cheese?",
    "The museum is closed on Monday, but the park is always open.",
    "I need a quiet place where I can work for a few hours.",
    "How long does it take to learn a new language?",
    "The price of bread has gone up again this winter.",
    "Please send the report to everybody on the team before noon.",
    "The river was so clear that we could see the stones at the bottom.",
    "Do you know who painted the ceiling of that chapel?",
    "I have lost my keys somewhere between the office and the car.",
    "The teacher asked the students to read the first three chapters.",
    "Could you speak a little slower, please?",
    "Our neighbours have a black dog and a grey cat.",
    "The bakery on the corner sells the best bread in town.",
    "Why is the sky blue and the sunset red?",
    "I want to cancel my subscription at the end of the month.",
    "The boat sailed slowly past the island in the evening light.",
    "Give me three reasons to exercise in the morning.",
    "He thanked everyone who had helped him to find a job.",
    "Where can I leave my luggage until the evening?",
)

QUESTIONS: Final = (
    "What is the capital of France?",
    "How many legs does a spider have?",
    "Why is the sky blue?",
    "Which planet is the largest?",
    "Can you tell me what a volcano is?",
    "Who wrote the play about Romeo and Juliet?",
    "What do bees make?",
    "How do I make a cup of tea?",
)

LONG: Final = "Please tell me a very long story about a sailor who crosses the sea."
INTERRUPTION: Final = "Stop it now, that is quite enough for today, thank you very much."
